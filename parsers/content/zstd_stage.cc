// SPDX-License-Identifier: Apache-2.0
#include <zstd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <memory>

#include "parsers/content/coding_stage.h"

namespace tlscope::content {
namespace {

// RFC 9659 2: a window of at most 8 MiB for the content coding.
constexpr int kWindowLogMax = 23;

constexpr std::size_t kMaxHeaderBytes = 18;  // RFC 8878 3.1.1.1, the magic number included

/// How much content a frame says it has, which it may leave out.
class FrameSize {
 public:
  void Begin(std::string_view magic) {
    header_bytes_ = 0;
    left_ = kUnlimited;
    known_ = false;
    See(magic);
  }

  /// Bytes of the frame went in. Only the first few are of interest.
  void See(std::string_view bytes) {
    if (known_) return;
    const std::size_t more = std::min(bytes.size(), header_.size() - header_bytes_);
    std::copy_n(bytes.begin(), more, header_.begin() + header_bytes_);
    header_bytes_ += more;
    const unsigned long long size = ZSTD_getFrameContentSize(header_.data(), header_bytes_);
    known_ = size != ZSTD_CONTENTSIZE_ERROR || header_bytes_ == header_.size();
    if (known_ && size < ZSTD_CONTENTSIZE_ERROR && IsFrame()) left_ = size;
  }

  void Give(std::size_t bytes) {
    if (left_ != kUnlimited) left_ -= std::min<std::uint64_t>(left_, bytes);
  }

  /// Content that it still has room for; at least 1, for what is too much to show.
  std::size_t left() const { return std::max<std::size_t>(left_, 1); }

 private:
  static constexpr std::size_t kUnlimited = std::numeric_limits<std::size_t>::max();

  bool IsFrame() const { return header_.front() == '\x28'; }  // and not a skippable one

  std::array<char, kMaxHeaderBytes> header_{};
  std::size_t header_bytes_ = 0;
  std::size_t left_ = kUnlimited;
  bool known_ = false;
};

struct FreeDecoder {
  void operator()(ZSTD_DStream* decoder) const noexcept { ZSTD_freeDStream(decoder); }
};

/// zstd (RFC 8878): one or more frames, skippable ones too. The formats before the RFC are refused:
/// the library knows them only when their first bytes come in one call. The library also forgets to
/// say what it gave in the call that fails, so a call either takes input or gives output, never
/// both. It gives a raw block in the pieces it comes in, and fails for its frame with the last byte
/// of the last block, or with the piece that the frame has no room for: that byte has a call of its
/// own, and no piece is larger than the room.
class ZstdStage final : public CodingStage {
 public:
  explicit ZstdStage(ByteBudget& budget) : budget_(budget) {}
  ~ZstdStage() override { budget_.Give(held_bytes_); }
  ZstdStage(const ZstdStage&) = delete;
  ZstdStage& operator=(const ZstdStage&) = delete;

  Step Run(std::string_view input, std::span<char> output) override {
    if (!decoder_ && !Open()) return {0, 0, Status::kNoMemory};
    Step step;
    if (!giving_) {
      step = Take(input, output.subspan(0, 0));
      if (step.status != Status::kGoing || magic_bytes_ < magic_.size()) return step;
      giving_ = true;
    }
    const Step given = Call({}, output);
    step.produced = given.produced;
    frame_size_.Give(given.produced);
    step.status = given.status;
    giving_ = given.produced == output.size();
    return step;
  }

  bool at_end() const override { return ended_ && magic_bytes_ == 0; }
  std::uint64_t held_bytes() const override { return held_bytes_; }

 private:
  bool Open() {
    decoder_.reset(ZSTD_createDStream());
    if (!decoder_) return false;
    ZSTD_DCtx_setParameter(decoder_.get(), ZSTD_d_windowLogMax, kWindowLogMax);
    return Settle();
  }

  Step Take(std::string_view input, std::span<char> no_output) {
    std::size_t consumed = 0;
    if (magic_bytes_ < magic_.size()) {
      while (magic_bytes_ < magic_.size() && consumed < input.size()) {
        magic_[magic_bytes_++] = input[consumed++];
        if (MayBeginZstd({magic_.data(), magic_bytes_})) continue;
        return {consumed, 0, ended_ ? Status::kTrailing : Status::kBroken};
      }
      if (magic_bytes_ < magic_.size()) return {consumed, 0, Status::kGoing};
      const Step magic = Call({magic_.data(), magic_bytes_}, no_output);
      if (magic.status != Status::kGoing) return {consumed, 0, magic.status};
      frame_size_.Begin({magic_.data(), magic_bytes_});
    }
    const std::size_t all_but_last = wanted_bytes_ > 1 ? wanted_bytes_ - 1 : 1;
    input.remove_prefix(consumed);
    Step step = Call(input.substr(0, std::min(all_but_last, frame_size_.left())), no_output);
    frame_size_.See(input.substr(0, step.consumed));
    step.consumed += consumed;
    return step;
  }

  Step Call(std::string_view input, std::span<char> output) {
    ZSTD_inBuffer in{input.data(), input.size(), 0};
    ZSTD_outBuffer out{output.data(), output.size(), 0};
    const std::size_t hint = ZSTD_decompressStream(decoder_.get(), &out, &in);
    if (in.pos != 0 || out.pos != 0) {
      ended_ = hint == 0;
      if (ended_) magic_bytes_ = 0;
    }
    if (ZSTD_isError(hint) != 0) return {in.pos, out.pos, Status::kBroken};
    wanted_bytes_ = hint;
    return {in.pos, out.pos, Settle() ? Status::kGoing : Status::kNoMemory};
  }

  /// Makes the budget agree with what the library holds: it takes memory at the start of a frame.
  bool Settle() {
    const std::uint64_t bytes = ZSTD_sizeof_DStream(decoder_.get());
    if (bytes == held_bytes_) return true;
    budget_.Give(held_bytes_);
    held_bytes_ = 0;
    if (!budget_.Take(bytes)) {
      decoder_.reset();
      return false;
    }
    held_bytes_ = bytes;
    return true;
  }

  ByteBudget& budget_;
  std::unique_ptr<ZSTD_DStream, FreeDecoder> decoder_;
  std::uint64_t held_bytes_ = 0;
  bool giving_ = false;          ///< there may be more output without more input
  bool ended_ = false;           ///< a frame has, and no other has begun beyond its magic number
  std::array<char, 4> magic_{};  ///< of the frame, as far as it came
  std::size_t magic_bytes_ = 0;
  FrameSize frame_size_;
  std::size_t wanted_bytes_ = 0;  ///< input to the end of what the library reads as a whole
};

}  // namespace

bool MayBeginZstd(std::string_view bytes) {
  using namespace std::string_view_literals;
  if ("\x28\xb5\x2f\xfd"sv.starts_with(bytes)) return true;
  // A skippable frame: four bits of its magic number are free.
  const bool skippable = (static_cast<unsigned char>(bytes.front()) & 0xf0U) == 0x50;
  return skippable && "\x2a\x4d\x18"sv.starts_with(bytes.substr(1));
}

std::unique_ptr<CodingStage> MakeZstdStage(ByteBudget& budget) {
  return std::make_unique<ZstdStage>(budget);
}

}  // namespace tlscope::content
