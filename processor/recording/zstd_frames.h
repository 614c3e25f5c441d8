// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

namespace tlscope {

/// Compresses pieces into zstd frames (RFC 8878) that each can be read without the others, with a
/// checksum. One thread.
class ZstdFrames {
 public:
  ZstdFrames();
  ~ZstdFrames();
  ZstdFrames(const ZstdFrames&) = delete;
  ZstdFrames& operator=(const ZstdFrames&) = delete;

  /// One frame with all of `bytes`; empty when there is no memory for it. Borrowed until the next
  /// call.
  std::string_view Compress(std::string_view bytes);

 private:
  class Context;
  std::unique_ptr<Context> context_;
  std::vector<char> output_;
};

}  // namespace tlscope
