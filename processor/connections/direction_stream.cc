// SPDX-License-Identifier: Apache-2.0
#include "processor/connections/direction_stream.h"

#include <algorithm>
#include <utility>

namespace tlscope {
namespace {

// Changes of protocol within one piece of data. Real ones need one or two (101 to WebSocket to
// raw); a hostile stream that goes on changing ends as raw bytes.
constexpr int kMaxHandOvers = 4;

}  // namespace

const ProtocolTable& ProtocolTable::Registered() {
  static const ProtocolTable table{&Detect, Protocols().back(), &UpgradeProtocol};
  return table;
}

DirectionStream::Fit DirectionStream::Advance(std::uint64_t offset, std::uint64_t bytes) {
  Fit fit;
  if (started_ && offset > expected_offset_) {
    fit.missing_bytes = offset - expected_offset_;
  } else if (started_) {
    fit.overlap_bytes = std::min(expected_offset_ - offset, bytes);
  }
  if (!started_) at_start_ = offset == 0 && !joined_late_;
  expected_offset_ = std::max(started_ ? expected_offset_ : 0, offset + bytes);
  started_ = true;
  return fit;
}

void DirectionStream::Feed(std::string_view bytes, std::uint64_t ktime_ns, bool starts_call) {
  const bool undecided = parser_ == nullptr || !undecided_.empty();
  if (undecided || (raw_ && starts_call)) {
    Search(bytes, ktime_ns);
  } else {
    Deliver({}, 0, bytes, ktime_ns);
  }
}

void DirectionStream::Gap(std::uint64_t bytes, std::uint64_t ktime_ns) {
  for (int count = 0;; ++count) {
    // What is missing could have decided; nothing after it can.
    if (parser_ == nullptr || !undecided_.empty()) UndecidedToRaw();
    const ParseStatus status = parser_->Gap(bytes, ktime_ns);
    if (raw_ || status == ParseStatus::kNeedMore) return;
    // The parser had ended before the missing bytes: they are the next one's.
    HandOver(count < kMaxHandOvers ? status : ParseStatus::kInvalid, {}, ktime_ns);
  }
}

void DirectionStream::Pause() {
  if (raw_ || (parser_ != nullptr && parser_->holds_part())) Flush();
}

void DirectionStream::Flush() {
  if (!undecided_.empty()) UndecidedToRaw();
  if (parser_ != nullptr) parser_->Flush();
}

void DirectionStream::Finish(StreamEnd end) {
  if (!undecided_.empty()) UndecidedToRaw();
  if (parser_ != nullptr) parser_->Finish(end);
}

bool DirectionStream::pausable() const {
  if (raw_) return !undecided_.empty() || parser_->held_bytes() != 0;
  return parser_ != nullptr && parser_->holds_part();
}

void DirectionStream::Search(std::string_view bytes, std::uint64_t ktime_ns) {
  const std::uint64_t held_ktime_ns = undecided_.empty() ? ktime_ns : undecided_ktime_ns_;
  std::string joined = ReleaseUndecided();
  const std::size_t held = joined.size();
  std::string_view all = bytes;
  if (held != 0) all = joined.append(bytes);

  DetectHint hint{.at_start = at_start_};
  if (alpn_applies_) hint.alpn = context_.alpn;
  const DetectResult found = protocols_.detect(all, hint);
  if (found.need_more) {
    if (held == 0) joined = bytes;
    if (Hold(joined, held_ktime_ns)) return;
    all = joined;
  }
  Use(found.need_more ? protocols_.raw : *found.protocol, held_ktime_ns);
  Deliver(all.substr(0, held), held_ktime_ns, all.substr(held), ktime_ns);
}

/// Takes `bytes` over; leaves them alone when it answers false.
bool DirectionStream::Hold(std::string& bytes, std::uint64_t ktime_ns) {
  if (bytes.size() > kMaxUndecided || !context_.budget.Take(bytes.size())) return false;
  undecided_ = std::move(bytes);
  undecided_ktime_ns_ = ktime_ns;
  return true;
}

std::string DirectionStream::ReleaseUndecided() {
  context_.budget.Give(undecided_.size());
  return std::exchange(undecided_, {});
}

void DirectionStream::UndecidedToRaw() {
  const std::string held = ReleaseUndecided();
  Use(protocols_.raw, undecided_ktime_ns_);
  if (!held.empty()) Deliver(held, undecided_ktime_ns_, {}, 0);
}

/// A raw parser that runs already goes on, and one that ends emits what it holds.
void DirectionStream::Use(const ProtocolSpec& spec, std::uint64_t ktime_ns) {
  const bool raw = &spec == &protocols_.raw;
  if (raw && raw_) return;
  at_start_ = false;
  if (parser_ != nullptr) parser_->Flush();
  if (!raw) handler_.OnProtocol(spec, ktime_ns);
  parser_ = spec.make(context_, handler_);
  if (raw_) parser_->Join();
  raw_ = raw;
}

void DirectionStream::Deliver(std::string_view held, std::uint64_t held_ktime_ns,
                              std::string_view bytes, std::uint64_t ktime_ns) {
  ParseStatus status = ParseStatus::kNeedMore;
  if (!held.empty()) status = parser_->Feed(held, held_ktime_ns);
  if (status == ParseStatus::kNeedMore && !bytes.empty()) {
    status = parser_->Feed(std::exchange(bytes, {}), ktime_ns);
  }
  if (status != ParseStatus::kNeedMore) HandOver(status, bytes, ktime_ns);
}

const ProtocolSpec* DirectionStream::Agreed() const {
  return protocols_.agreed != nullptr ? protocols_.agreed(context_) : nullptr;
}

/// The parser ended with `status`: its rest and `more` go to the next one, and so on.
void DirectionStream::HandOver(ParseStatus status, std::string_view more, std::uint64_t ktime_ns) {
  std::string rest = parser_->TakeRest().append(more);
  for (int count = 0;; ++count) {
    parser_.reset();
    raw_ = false;
    if (status == ParseStatus::kUpgrade) alpn_applies_ = false;
    const ProtocolSpec* next = &protocols_.raw;
    if (status == ParseStatus::kUpgrade && count < kMaxHandOvers) {
      const ProtocolSpec* const agreed = Agreed();
      if (agreed == nullptr && rest.empty()) return;  // what comes next decides
      const DetectResult found =
          agreed != nullptr ? DetectResult{agreed, false} : protocols_.detect(rest, {});
      if (found.need_more && Hold(rest, ktime_ns)) return;
      if (!found.need_more) next = found.protocol;
    }
    Use(*next, ktime_ns);
    status = rest.empty() ? ParseStatus::kNeedMore : parser_->Feed(rest, ktime_ns);
    // The raw parser takes anything: an answer that says otherwise is not acted on.
    if (raw_ || status == ParseStatus::kNeedMore) return;
    rest = parser_->TakeRest();
  }
}

}  // namespace tlscope
