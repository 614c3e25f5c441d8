// SPDX-License-Identifier: Apache-2.0
#include <brotli/decode.h>

#include <cstdint>
#include <memory>

#include "parsers/content/coding_stage.h"
#include "parsers/content/counted_memory.h"

namespace tlscope::content {
namespace {

extern "C" {

void* BrotliAllocate(void* memory, std::size_t bytes) noexcept {
  return static_cast<CountedMemory*>(memory)->Allocate(bytes);
}

void BrotliFree(void* memory, void* address) noexcept {
  static_cast<CountedMemory*>(memory)->Free(address);
}

}  // extern "C"

bool IsAllocationError(BrotliDecoderErrorCode code) {
  return code <= BROTLI_DECODER_ERROR_ALLOC_CONTEXT_MODES &&
         code >= BROTLI_DECODER_ERROR_ALLOC_BLOCK_TYPE_TREES;
}

struct DestroyDecoder {
  void operator()(BrotliDecoderState* decoder) const noexcept {
    BrotliDecoderDestroyInstance(decoder);
  }
};

/// br (RFC 7932). Windows are at most 16 MiB: large ones are off unless asked for.
/// The library keeps what it decoded in the call that fails to itself.
class BrotliStage final : public CodingStage {
 public:
  BrotliStage(bool bytewise, ByteBudget& budget) : bytewise_(bytewise), memory_(budget) {}

  Step Run(std::string_view input, std::span<char> output) override {
    if (!decoder_) {
      decoder_.reset(BrotliDecoderCreateInstance(&BrotliAllocate, &BrotliFree, &memory_));
      if (!decoder_) return {0, 0, Status::kNoMemory};
    }
    if (at_end()) return {0, 0, input.empty() ? Status::kGoing : Status::kTrailing};
    Step step;
    do {
      const std::string_view left = input.substr(step.consumed);
      const Step piece =
          RunOnce(bytewise_ ? left.substr(0, 1) : left, output.subspan(step.produced));
      step.consumed += piece.consumed;
      step.produced += piece.produced;
      step.status = piece.status;
    } while (step.status == Status::kGoing && !at_end() && step.consumed < input.size() &&
             step.produced < output.size());
    return step;
  }

  bool at_end() const override {
    return decoder_ && BrotliDecoderIsFinished(decoder_.get()) == BROTLI_TRUE;
  }
  std::uint64_t held_bytes() const override { return memory_.held_bytes(); }

 private:
  Step RunOnce(std::string_view input, std::span<char> output) {
    // What a byte makes comes out before the next one can spoil it.
    if (giving_) input = {};
    std::size_t in = input.size();
    std::size_t out = output.size();
    const auto* next_in = reinterpret_cast<const std::uint8_t*>(input.data());
    auto* next_out = reinterpret_cast<std::uint8_t*>(output.data());
    const BrotliDecoderResult result =
        BrotliDecoderDecompressStream(decoder_.get(), &in, &next_in, &out, &next_out, nullptr);
    giving_ = out == 0;
    Step step{input.size() - in, output.size() - out, Status::kGoing};
    if (result == BROTLI_DECODER_RESULT_ERROR) {
      const bool memory = IsAllocationError(BrotliDecoderGetErrorCode(decoder_.get()));
      step.status = memory ? Status::kNoMemory : Status::kBroken;
    }
    return step;
  }

  const bool bytewise_;
  bool giving_ = false;  ///< there may be more output without more input
  CountedMemory memory_;
  std::unique_ptr<BrotliDecoderState, DestroyDecoder> decoder_;  // lives in memory_
};

}  // namespace

std::unique_ptr<CodingStage> MakeBrotliStage(bool bytewise, ByteBudget& budget) {
  return std::make_unique<BrotliStage>(bytewise, budget);
}

}  // namespace tlscope::content
