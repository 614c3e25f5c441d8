// SPDX-License-Identifier: Apache-2.0
#include <cstdint>

#include "parsers/content/coding_stage.h"
#include "parsers/content/zlib_stream.h"

namespace tlscope::content {
namespace {

using Status = CodingStage::Status;
using Step = CodingStage::Step;

Status StatusOf(int code) {
  if (code == Z_OK || code == Z_BUF_ERROR || code == Z_STREAM_END) return Status::kGoing;
  return code == Z_MEM_ERROR ? Status::kNoMemory : Status::kBroken;
}

/// gzip (RFC 1952): one or more members, and zero bytes as padding behind them, as gzip itself
/// takes them.
class GzipStage final : public CodingStage {
 public:
  explicit GzipStage(ByteBudget& budget) : stream_(budget) {}

  Step Run(std::string_view input, std::span<char> output) override {
    if (!stream_.is_open() && !stream_.Open(MAX_WBITS + 16)) return {0, 0, Status::kNoMemory};
    std::size_t padding = 0;
    if (ended_) {
      while (padding < input.size() && input[padding] == '\0') ++padding;
      if (padding == input.size()) return {padding, 0, Status::kGoing};
      if (input[padding] != '\x1f') return {padding, 0, Status::kTrailing};
      stream_.Restart();
      ended_ = false;
    }
    const ZlibStream::Step step = stream_.Inflate(input.substr(padding), output);
    ended_ = step.code == Z_STREAM_END;
    return {padding + step.consumed, step.produced, StatusOf(step.code)};
  }

  bool at_end() const override { return ended_; }
  std::uint64_t held_bytes() const override { return stream_.held_bytes(); }

 private:
  ZlibStream stream_;
  bool ended_ = false;
};

/// deflate (RFC 9110 8.4.1.2) is the zlib format (RFC 1950); some senders leave its header off. The
/// first two bytes tell which it is: as bare deflate, what a zlib header begins with would be a
/// stored block with padding that is not zero.
class DeflateStage final : public CodingStage {
 public:
  explicit DeflateStage(ByteBudget& budget) : stream_(budget) {}

  Step Run(std::string_view input, std::span<char> output) override {
    if (ended_) return {0, 0, input.empty() ? Status::kGoing : Status::kTrailing};
    std::size_t taken = 0;
    if (!stream_.is_open()) {
      if (!has_first_ && !input.empty()) {
        first_ = input.front();
        has_first_ = true;
        taken = 1;
      }
      if (input.size() == taken && MayBeZlib()) return {taken, 0, Status::kGoing};
      const bool zlib = MayBeZlib() && IsZlib(input[taken]);
      if (!stream_.Open(zlib ? MAX_WBITS : -MAX_WBITS)) return {taken, 0, Status::kNoMemory};
      // One byte is never enough for an end, nor for output.
      const ZlibStream::Step step = stream_.Inflate({&first_, 1}, output);
      if (StatusOf(step.code) != Status::kGoing) return {taken, 0, StatusOf(step.code)};
    }
    const ZlibStream::Step step = stream_.Inflate(input.substr(taken), output);
    ended_ = step.code == Z_STREAM_END;
    return {taken + step.consumed, step.produced, StatusOf(step.code)};
  }

  bool at_end() const override { return ended_; }
  std::uint64_t held_bytes() const override { return stream_.held_bytes(); }

 private:
  unsigned First() const { return static_cast<unsigned char>(first_); }
  // RFC 1950 2.2: method 8, a window of at most 32 KiB.
  bool MayBeZlib() const { return (First() & 0x0fU) == 8 && First() >> 4U <= 7; }
  // RFC 1950 2.2: the first two bytes are a multiple of 31.
  bool IsZlib(char second) const {
    return (First() << 8U | static_cast<unsigned char>(second)) % 31 == 0;
  }

  ZlibStream stream_;
  char first_ = 0;
  bool has_first_ = false;
  bool ended_ = false;
};

}  // namespace

std::unique_ptr<CodingStage> MakeZlibStage(Coding coding, ByteBudget& budget) {
  if (coding == Coding::kGzip) return std::make_unique<GzipStage>(budget);
  return std::make_unique<DeflateStage>(budget);
}

}  // namespace tlscope::content
