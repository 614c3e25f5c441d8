// SPDX-License-Identifier: Apache-2.0
//
// What the fuzzers of parsers share: cutting the input up, feeding both directions of a connection
// by a schedule, what holds for every message, and comparing runs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "parsers/core/message.h"
#include "parsers/core/stream_parser.h"
#include "tests/fuzz/check.h"

namespace tlscope::fuzzing {

/// Between what one direction of an input says and what the other does.
inline constexpr std::string_view kSeparator = "\n\xff\xff\n";

/// Cuts the schedule off: n bytes and then n, at the end of `data`.
inline std::string_view TakeSchedule(std::string_view& data) {
  if (data.empty()) return {};
  const std::size_t size = static_cast<unsigned char>(data.back()) % data.size();
  data.remove_suffix(1);
  const std::string_view schedule = data.substr(data.size() - size);
  data.remove_suffix(size);
  return schedule;
}

/// What holds for every message; `head_bytes`: no head is longer.
inline void CheckMessage(const Message& message, const ParserLimits& limits,
                         std::size_t head_bytes) {
  std::uint64_t lost = 0;
  std::uint64_t position = 0;
  for (const BodyGap& gap : message.gaps) {
    Check(gap.position >= position && gap.position <= message.body.size(), "gaps are in order");
    position = gap.position;
    lost += gap.bytes;
  }
  const bool as_sent = message.decoded_from.empty() && message.part == 0;
  Check(!as_sent || message.content_bytes == message.body.size() + lost + message.cut_bytes,
        "content is body, gaps and cut");
  Check(message.body.size() <= limits.body_bytes, "the body is within its limit");
  Check(message.head.size() <= head_bytes, "the head is within its limit");
  Check(message.gaps.empty() || !message.complete, "a message with gaps is not complete");
  Check(message.part <= 1 || message.head.empty(), "only the first part has the head");
  Check(message.part != 0 || !message.last_part, "a whole message is no part");
}

/// One direction: its bytes not fed yet, and what became of the others.
class FedDirection {
 public:
  /// `parser` must outlive this. `grain_bytes`: no call feeds more.
  FedDirection(StreamParser& parser, std::string_view bytes, std::size_t grain_bytes)
      : parser_(parser), left_(bytes), grain_bytes_(grain_bytes) {}

  void Feed(std::size_t size) {
    std::string_view bytes = Next(size);
    while (!bytes.empty() && !upgraded_) {
      const std::string_view piece = bytes.substr(0, grain_bytes_);
      bytes.remove_prefix(piece.size());
      Note(parser_.Feed(piece, 1));
    }
    if (!upgraded_) return;
    rest_ += bytes;
    rest_ += Next(left_.size());
  }

  void Lose(std::size_t size) {
    const std::string_view lost = Next(size);
    if (!lost.empty()) Note(parser_.Gap(lost.size(), 1));
  }

  void Flush() { parser_.Flush(); }
  void FeedRest() { Feed(left_.size()); }
  void Finish() {
    if (!upgraded_) parser_.Finish(StreamEnd::kClosed);
  }

  bool upgraded() const { return upgraded_; }
  /// After an upgrade: all that belongs to no message.
  const std::string& rest() const { return rest_; }
  /// Bytes fed or lost.
  std::uint64_t given() const { return given_; }

 private:
  std::string_view Next(std::size_t size) {
    const std::string_view piece = left_.substr(0, size);
    left_.remove_prefix(piece.size());
    given_ += piece.size();
    return piece;
  }

  void Note(ParseStatus status) {
    Check(status != ParseStatus::kInvalid, "never invalid");
    if (status != ParseStatus::kUpgrade) return;
    upgraded_ = true;
    rest_ = parser_.TakeRest();
    Check(parser_.held_bytes() == 0, "nothing is held after an upgrade");
  }

  StreamParser& parser_;
  std::string_view left_;
  std::size_t grain_bytes_;
  std::uint64_t given_ = 0;
  bool upgraded_ = false;
  std::string rest_;
};

/// Plays a whole connection. Each byte of `schedule` is one action: bit 0 says which direction (1:
/// `odd`), bits 1 and 2 feed, feed, lose or flush, the others how much. Calls `after_action` after
/// each. Then what is left is fed and both directions end.
template <class Callback>
void Play(std::string_view schedule, FedDirection& odd, FedDirection& even, Callback after_action) {
  for (const char byte : schedule) {
    const auto action = static_cast<unsigned char>(byte);
    FedDirection& direction = (action & 1U) != 0 ? odd : even;
    const std::size_t size = 1 + (action >> 3U) * (action >> 3U);
    if (direction.upgraded()) continue;
    switch (action >> 1U & 3U) {
      case 0:
      case 1:
        direction.Feed(size);
        break;
      case 2:
        direction.Lose(size);
        break;
      default:
        direction.Flush();
        break;
    }
    after_action();
  }
  for (FedDirection* direction : {&odd, &even}) direction->FeedRest();
  for (FedDirection* direction : {&odd, &even}) direction->Finish();
}

/// How much memory the runs of CheckEverySplit have.
struct Budgets {
  std::uint64_t ample_bytes;  ///< never refused
  std::uint64_t tight_bytes;  ///< refused soon
};

/// Plays `input` in calls as large as the schedule says and byte by byte, which makes no
/// difference, and then with little memory. A Run is made of the input, its budget's bytes and the
/// largest call, and has == for what came out.
template <class Run, class Input>
void CheckEverySplit(const Input& input, const Budgets& budgets) {
  const Run whole(input, budgets.ample_bytes, std::string_view::npos);
  const Run bytewise(input, budgets.ample_bytes, 1);
  Check(whole == bytewise, "the split of the calls makes no difference");
  const Run tight(input, budgets.tight_bytes, 7);
}

}  // namespace tlscope::fuzzing
