// SPDX-License-Identifier: Apache-2.0
#include "agent/elf/xz.h"

#include <lzma.h>

#include <algorithm>
#include <cstdint>

namespace tlscope {
namespace {

constexpr std::uint64_t kMemoryLimit = std::uint64_t{80} << 20;  // xz -9 needs 65 MiB (xz(1))
constexpr std::size_t kFirstBytes = std::size_t{256} << 10;

}  // namespace

std::optional<std::vector<std::byte>> DecompressXz(std::span<const std::byte> compressed,
                                                   std::size_t limit) {
  lzma_stream stream = LZMA_STREAM_INIT;
  if (lzma_stream_decoder(&stream, kMemoryLimit, 0) != LZMA_OK) return std::nullopt;
  std::vector<std::byte> out(std::min(limit, kFirstBytes));
  stream.next_in = reinterpret_cast<const std::uint8_t*>(compressed.data());
  stream.avail_in = compressed.size();
  lzma_ret result = LZMA_OK;
  while (result == LZMA_OK) {
    if (stream.total_out == out.size()) {
      if (out.size() >= limit) break;
      out.resize(std::min(limit, out.size() * 2));
    }
    stream.next_out = reinterpret_cast<std::uint8_t*>(out.data()) + stream.total_out;
    stream.avail_out = out.size() - static_cast<std::size_t>(stream.total_out);
    result = lzma_code(&stream, LZMA_FINISH);
  }
  out.resize(static_cast<std::size_t>(stream.total_out));
  lzma_end(&stream);
  if (result != LZMA_STREAM_END) return std::nullopt;
  return out;
}

}  // namespace tlscope
