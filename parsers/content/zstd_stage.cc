// SPDX-License-Identifier: Apache-2.0
#include <zstd.h>

#include <array>
#include <cstdint>
#include <memory>

#include "parsers/content/coding_stage.h"

namespace tlscope::content {
namespace {

// RFC 9659 2: a window of at most 8 MiB for the content coding.
constexpr int kWindowLogMax = 23;

struct FreeDecoder {
  void operator()(ZSTD_DStream* decoder) const noexcept { ZSTD_freeDStream(decoder); }
};

/// zstd (RFC 8878): one or more frames, skippable ones too. The formats before the RFC are refused:
/// the library knows them only when their first bytes come in one call. The library also forgets to
/// say what it gave in the call that fails, so a call either takes input or gives output, never
/// both; and as it gives a raw block in the pieces it comes in, but fails for its frame with the
/// last byte of the last block, that byte has a call of its own.
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
    }
    const std::size_t all_but_last = wanted_bytes_ > 1 ? wanted_bytes_ - 1 : 1;
    Step step = Call(input.substr(consumed, all_but_last), no_output);
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
