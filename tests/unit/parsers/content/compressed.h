// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <zlib.h>

#include <string>
#include <string_view>

namespace tlscope::testing_support {

/// Compresses what tests feed. `window_bits` as zlib has them: negative for raw deflate, 16 more
/// for gzip.
class Compressor {
 public:
  explicit Compressor(int window_bits) {
    deflateInit2(&stream_, 9, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY);
  }
  ~Compressor() { deflateEnd(&stream_); }
  Compressor(const Compressor&) = delete;
  Compressor& operator=(const Compressor&) = delete;

  /// `text`, ended as `flush` says: Z_SYNC_FLUSH or Z_FINISH.
  std::string Compress(std::string_view text, int flush) {
    std::string out(deflateBound(&stream_, static_cast<uLong>(text.size())) + 64, '\0');
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
    stream_.avail_in = static_cast<uInt>(text.size());
    stream_.next_out = reinterpret_cast<Bytef*>(out.data());
    stream_.avail_out = static_cast<uInt>(out.size());
    deflate(&stream_, flush);
    out.resize(out.size() - stream_.avail_out);
    return out;
  }

  /// The next text shares nothing with those before.
  void Reset() { deflateReset(&stream_); }

 private:
  z_stream stream_{};
};

inline std::string Gzip(std::string_view text) {
  return Compressor(15 + 16).Compress(text, Z_FINISH);
}

}  // namespace tlscope::testing_support
