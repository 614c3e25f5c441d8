// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nghttp2/nghttp2.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "parsers/http2/frame.h"

namespace tlscope::testing_support {

using http2::FrameType;
using http2::kFlagAck;
using http2::kFlagEndHeaders;
using http2::kFlagEndStream;
using http2::kFlagPadded;
using http2::kFlagPriority;

using Fields = std::vector<std::pair<std::string, std::string>>;

inline std::string Uint32(std::uint32_t value) {
  std::string bytes;
  for (const unsigned shift : {24U, 16U, 8U, 0U}) bytes += static_cast<char>(value >> shift);
  return bytes;
}

inline std::string Frame(FrameType type, unsigned flags, std::uint32_t stream_id,
                         std::string_view payload = {}) {
  std::string bytes = Uint32(static_cast<std::uint32_t>(payload.size())).substr(1);
  bytes += static_cast<char>(type);
  bytes += static_cast<char>(flags);
  return bytes + Uint32(stream_id) + std::string(payload);
}

inline std::string Headers(std::uint32_t stream_id, std::string_view block, unsigned more = 0) {
  return Frame(FrameType::kHeaders, kFlagEndHeaders | more, stream_id, block);
}

inline std::string Data(std::uint32_t stream_id, std::string_view bytes, unsigned flags = 0) {
  return Frame(FrameType::kData, flags, stream_id, bytes);
}

inline std::string Setting(unsigned id, std::uint32_t value) {
  return std::string({static_cast<char>(id >> 8U), static_cast<char>(id)}) + Uint32(value);
}

inline std::string Settings(std::string_view payload = {}) {
  return Frame(FrameType::kSettings, 0, 0, payload);
}

/// A real encoder with its table.
class Encoder {
 public:
  explicit Encoder(std::size_t table_bytes = 4096) {
    nghttp2_hd_deflate_new(&deflater_, table_bytes);
  }
  ~Encoder() { nghttp2_hd_deflate_del(deflater_); }
  Encoder(const Encoder&) = delete;
  Encoder& operator=(const Encoder&) = delete;

  void ResizeTable(std::size_t bytes) { nghttp2_hd_deflate_change_table_size(deflater_, bytes); }

  std::string Block(const Fields& fields, bool never_indexed = false) {
    std::vector<nghttp2_nv> list;
    for (const auto& [name, value] : fields) {
      list.push_back({Bytes(name), Bytes(value), name.size(), value.size(),
                      static_cast<std::uint8_t>(never_indexed ? NGHTTP2_NV_FLAG_NO_INDEX : 0)});
    }
    std::string block(nghttp2_hd_deflate_bound(deflater_, list.data(), list.size()), '\0');
    const ssize_t size =
        nghttp2_hd_deflate_hd(deflater_, Bytes(block), block.size(), list.data(), list.size());
    block.resize(static_cast<std::size_t>(size));
    return block;
  }

 private:
  static std::uint8_t* Bytes(const std::string& text) {
    return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data()));
  }

  nghttp2_hd_deflater* deflater_ = nullptr;
};

inline std::string Lines(const Fields& fields) {
  std::string text;
  for (const auto& [name, value] : fields) text += name + ": " + value + "\r\n";
  return text;
}

inline std::string Head(const Fields& fields) { return Lines(fields) + "\r\n"; }

}  // namespace tlscope::testing_support
