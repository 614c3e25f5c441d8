// SPDX-License-Identifier: Apache-2.0
//
// A coded body in pieces, whole, with a loss and with little memory.
//
// Input: the body, a byte with up to four codings of two bits each, a byte of options.
#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "parsers/content/content_decoder.h"
#include "tests/fuzz/check.h"

namespace tlscope::content {
namespace {

using tlscope::Check;

constexpr std::uint64_t kMaxBytes = 256U << 10;
constexpr std::uint64_t kAmpleBytes = 96U << 20;
// Four br windows of 16 MiB and what belongs to them; the fuzzer's codings need no more.
constexpr std::uint64_t kMostHeldBytes = 80U << 20;
constexpr std::size_t kStepBytes = 16U << 10;

class Collector final : public ContentSink {
 public:
  void OnContent(std::string_view bytes) override {
    largest = std::max(largest, bytes.size());
    content += bytes;
  }
  void Retract(std::uint64_t bytes) override {
    Check(bytes <= content.size(), "only what was given is taken back");
    content.resize(content.size() - bytes);
    retracted = true;
  }
  std::string content;
  std::size_t largest = 0;
  bool retracted = false;
};

struct Input {
  std::string_view body;
  CodingList codings;
  bool never_retract = false;
  std::size_t grain = 1;
};

Input Split(std::string_view data) {
  constexpr std::array<std::string_view, 4> kNames = {"gzip", "deflate", "br", "zstd"};
  Input input;
  const auto options = static_cast<unsigned char>(data.back());
  const auto codings = static_cast<unsigned char>(data[data.size() - 2]);
  for (unsigned index = 0; index <= (options & 3U); ++index) {
    input.codings.AddOne(kNames[codings >> (2 * index) & 3U]);
  }
  input.never_retract = (options & 4U) != 0;
  input.grain = 1 + (options >> 3U) * (options >> 3U);
  input.body = data.substr(0, data.size() - 2);
  return input;
}

struct Outcome {
  std::string content;
  std::string error;
  bool decoding = false;
};

/// `lost_at`: the byte there does not come.
Outcome Decode(const Input& input, std::size_t grain, std::size_t lost_at,
               std::uint64_t budget_bytes) {
  ByteBudget budget(budget_bytes);
  Outcome outcome;
  {
    ContentDecoder decoder(input.codings, {kMaxBytes, input.never_retract}, budget);
    Collector sink;
    for (std::size_t at = 0; at < input.body.size();) {
      std::size_t size = std::min(grain, input.body.size() - at);
      if (at == lost_at) {
        decoder.Lose(sink);
        ++at;
        continue;
      }
      if (at < lost_at) size = std::min(size, lost_at - at);
      decoder.Feed(input.body.substr(at, size), sink);
      Check(decoder.held_bytes() == budget.used_bytes(), "what is held is in the budget");
      Check(decoder.held_bytes() <= kMostHeldBytes, "what is held is bounded");
      at += size;
    }
    decoder.Finish(sink);
    outcome = {sink.content, decoder.error(), decoder.decoding()};
    if (outcome.decoding) {
      Check(sink.content.size() <= kMaxBytes, "content is within its limit");
      Check(sink.largest <= kStepBytes, "a step is within its limit");
    }
    Check(!sink.retracted || !input.never_retract, "nothing is taken back that must not be");
    Check(!sink.retracted || !outcome.error.empty(), "content is taken back for an error only");
    Check(outcome.decoding || input.body.empty() || !outcome.error.empty(), "as sent for a reason");
  }
  Check(budget.used_bytes() == 0, "the budget has everything back at the end");
  return outcome;
}

/// A br stream that breaks beyond the limit of size, in the bytes that pass it, may be called
/// either.
bool EitherError(const Outcome& a, const Outcome& b) {
  return a.error != b.error && (a.error == "br: broken" || b.error == "br: broken") &&
         (a.error.starts_with("inflates") || b.error.starts_with("inflates"));
}

void RunAll(const Input& input) {
  const std::size_t size = input.body.size();
  const Outcome whole = Decode(input, size + 1, size, kAmpleBytes);
  for (const std::size_t grain : {std::size_t{1}, input.grain}) {
    const Outcome pieces = Decode(input, grain, size, kAmpleBytes);
    if (EitherError(whole, pieces)) continue;
    Check(pieces.content == whole.content, "the split makes no difference to the content");
    Check(pieces.error == whole.error, "the split makes no difference to the error");
    Check(pieces.decoding == whole.decoding, "the split makes no difference to what is decoded");
  }
  if (size != 0) {
    const Outcome lossy = Decode(input, input.grain, input.grain * 7 % size, kAmpleBytes);
    if (lossy.decoding && input.never_retract) {
      Check(whole.content.starts_with(lossy.content), "nothing wrong comes of a loss");
    }
  }
  Decode(input, input.grain, size, 60'000);
}

}  // namespace
}  // namespace tlscope::content

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  tlscope::content::RunAll(
      tlscope::content::Split(std::string_view(reinterpret_cast<const char*>(data), size)));
  return 0;
}
