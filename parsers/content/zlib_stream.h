// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <zlib.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "parsers/content/counted_memory.h"

namespace tlscope::content {

/// zlib's inflate with its memory counted in a ByteBudget. Holds nothing until Open.
class ZlibStream {
 public:
  explicit ZlibStream(ByteBudget& budget) : memory_(budget) {}
  ~ZlibStream() { Close(); }
  ZlibStream(const ZlibStream&) = delete;
  ZlibStream& operator=(const ZlibStream&) = delete;

  /// `window_bits` as inflateInit2 takes them: 8 to 15 with a zlib header, +16 with a gzip one,
  /// negative for bare deflate. False when there is no memory. Once until Close.
  [[nodiscard]] bool Open(int window_bits);
  bool is_open() const { return open_; }
  void Close();

  /// zlib's own answer: Z_OK, Z_BUF_ERROR (nothing to do), Z_STREAM_END or an error.
  struct Step {
    std::size_t consumed;
    std::size_t produced;
    int code;
  };
  Step Inflate(std::string_view input, std::span<char> output);

  /// Everything so far ended with a block, so that nothing is left undone.
  bool between_blocks() const;

  /// A new stream begins, which may not refer to the one before.
  void Restart();
  /// A new stream begins, whose window is what came out so far.
  void RestartKeepingWindow();

  std::uint64_t held_bytes() const { return memory_.held_bytes(); }

 private:
  CountedMemory memory_;
  z_stream stream_{};
  bool open_ = false;
};

}  // namespace tlscope::content
