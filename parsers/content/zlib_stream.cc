// SPDX-License-Identifier: Apache-2.0
#include "parsers/content/zlib_stream.h"

#include <algorithm>
#include <limits>

namespace tlscope::content {
namespace {

extern "C" {

void* ZlibAllocate(void* memory, unsigned items, unsigned size) noexcept {
  return static_cast<CountedMemory*>(memory)->Allocate(std::size_t{items} * size);
}

void ZlibFree(void* memory, void* address) noexcept {
  static_cast<CountedMemory*>(memory)->Free(address);
}

}  // extern "C"

constexpr std::size_t kMaxPiece = std::numeric_limits<uInt>::max();

}  // namespace

bool ZlibStream::Open(int window_bits) {
  stream_ = {};
  stream_.zalloc = &ZlibAllocate;
  stream_.zfree = &ZlibFree;
  stream_.opaque = &memory_;
  open_ = inflateInit2(&stream_, window_bits) == Z_OK;
  return open_;
}

void ZlibStream::Close() {
  if (open_) inflateEnd(&stream_);
  open_ = false;
}

ZlibStream::Step ZlibStream::Inflate(std::string_view input, std::span<char> output) {
  const auto in = static_cast<uInt>(std::min(input.size(), kMaxPiece));
  const auto out = static_cast<uInt>(std::min(output.size(), kMaxPiece));
  // zlib does not write to its input; its interface predates const.
  stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(input.data()));
  stream_.avail_in = in;
  stream_.next_out = reinterpret_cast<Bytef*>(output.data());
  stream_.avail_out = out;
  const int code = inflate(&stream_, Z_SYNC_FLUSH);
  return {in - stream_.avail_in, out - stream_.avail_out, code};
}

// zlib.h on inflate: 128 is added to data_type when it returns right after a block's end, and the
// low bits count unused bits of the last byte.
bool ZlibStream::between_blocks() const { return (stream_.data_type & 128) != 0; }

void ZlibStream::Restart() { inflateReset(&stream_); }

void ZlibStream::RestartKeepingWindow() { inflateResetKeep(&stream_); }

}  // namespace tlscope::content
