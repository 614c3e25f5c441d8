// SPDX-License-Identifier: Apache-2.0
#include "processor/bus/bus_ring.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <stdexcept>

namespace tlscope {
namespace {

constexpr std::uint64_t kHeadBytes = std::uint64_t{7} * 8;

constexpr std::uint64_t Padded(std::uint64_t body_bytes) { return (body_bytes + 7) / 8 * 8; }

// The first word. Unpack returns the length of the body.
constexpr std::uint64_t Pack(std::uint64_t body_bytes, const BusRing::Head& head) {
  return body_bytes << 24 | std::uint64_t{head.stage} << 16 |
         std::uint64_t{static_cast<std::uint8_t>(head.topic)} << 8 | head.kind;
}

constexpr std::uint64_t Unpack(std::uint64_t word, BusRing::Head& head) {
  head.kind = static_cast<std::uint8_t>(word);
  head.topic = static_cast<Topic>(word >> 8 & 0xff);
  head.stage = static_cast<std::uint8_t>(word >> 16);
  return word >> 24;
}

/// Fewer bytes than a word has. Put together in a register: what is stored byte by byte and loaded
/// as a word waits until the stores are through.
std::uint64_t LastWord(std::string_view bytes) {
  static_assert(std::endian::native == std::endian::little);
  std::uint64_t word = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    word |= std::uint64_t{static_cast<std::uint8_t>(bytes[i])} << (8 * i);
  }
  return word;
}

}  // namespace

BusRing::BusRing(std::size_t bytes)
    : capacity_(bytes),
      mask_(bytes / 8 - 1),
      words_(std::make_unique_for_overwrite<std::uint64_t[]>(bytes / 8)),
      // Enough for records of usual size: what is not in it cannot be begun at.
      index_size_(std::max(std::bit_ceil(2 * kHistory), std::bit_floor(bytes / 256))),
      index_(std::make_unique_for_overwrite<std::uint64_t[]>(index_size_)) {
  if (!std::has_single_bit(bytes) || bytes < 4096) throw std::invalid_argument("BusRing: size");
}

void BusRing::Push(Head head, std::string_view body) noexcept {
  constexpr auto kRelease = std::memory_order_release;
  const std::uint64_t start = committed_.load(std::memory_order_relaxed);
  const std::uint64_t end = start + kHeadBytes + Padded(body.size());
  reserved_.store(end, kRelease);
  At(start).store(Pack(body.size(), head), kRelease);
  At(start + 8).store(head.sequence, kRelease);
  At(start + 16).store(static_cast<std::uint64_t>(head.time_unix_ns), kRelease);
  At(start + 24).store(head.id, kRelease);
  At(start + 32).store(head.parent, kRelease);
  At(start + 40).store(head.root, kRelease);
  At(start + 48).store(head.root_sequence, kRelease);
  std::uint64_t position = start + kHeadBytes;
  while (body.size() >= 8) {
    std::uint64_t word;
    std::memcpy(&word, body.data(), 8);
    At(position).store(word, kRelease);
    body.remove_prefix(8);
    position += 8;
  }
  if (!body.empty()) At(position).store(LastWord(body), kRelease);
  const std::uint64_t number = records_.load(std::memory_order_relaxed);
  IndexAt(number).store(start, kRelease);
  records_.store(number + 1, kRelease);
  sequences_[static_cast<std::size_t>(head.topic)].store(head.sequence, kRelease);
  committed_.store(end, std::memory_order_seq_cst);
}

void BusRing::Skip(Topic topic) noexcept {
  sequences_[static_cast<std::size_t>(topic)].store(NextSequence(topic), std::memory_order_release);
  // After it: who sees this one counts that one.
  skips_.store(skips_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
}

// Inline, or a call and `copy` in memory cost a third of what reading a record does.
inline BusRing::CopyResult BusRing::TryCopy(std::uint64_t position, TopicSet topics,
                                            Copy& copy) const {
  constexpr auto kAcquire = std::memory_order_acquire;
  if (Committed() == position) return CopyResult::kNotYet;
  Head& head = copy.head;
  const std::uint64_t bytes = Unpack(At(position).load(kAcquire), head);
  // Before the length is relied on, and the topic.
  if (WrittenOver(position)) return CopyResult::kOverwritten;
  copy.end = position + kHeadBytes + Padded(bytes);
  if ((topics & Only(head.topic)) == 0) return CopyResult::kCopied;
  head.sequence = At(position + 8).load(kAcquire);
  head.time_unix_ns = static_cast<std::int64_t>(At(position + 16).load(kAcquire));
  head.id = At(position + 24).load(kAcquire);
  head.parent = At(position + 32).load(kAcquire);
  head.root = At(position + 40).load(kAcquire);
  head.root_sequence = At(position + 48).load(kAcquire);
  copy.out.resize(copy.room + Padded(bytes));
  std::uint64_t from = position + kHeadBytes;
  for (std::size_t at = copy.room; at < copy.out.size(); at += 8, from += 8) {
    const std::uint64_t word = At(from).load(kAcquire);
    std::memcpy(copy.out.data() + at, &word, 8);
  }
  copy.out.resize(copy.room + bytes);
  return WrittenOver(position) ? CopyResult::kOverwritten : CopyResult::kCopied;
}

/// nullopt while the publisher is at work. A Skip may come in between: its sequence is stored
/// before its count, so that what `next` lacks a later look at the count finds.
std::optional<BusRing::Totals> BusRing::TryCount() const {
  Totals totals;
  totals.end = Committed();
  totals.skips = skips_.load(std::memory_order_acquire);
  for (std::size_t i = 0; i < kTopics; ++i) {
    totals.next[i] = 1 + sequences_[i].load(std::memory_order_acquire);
  }
  if (reserved_.load(std::memory_order_acquire) != totals.end) return std::nullopt;
  return totals;
}

/// Whether the words from `position` on may be a newer record's by now.
inline bool BusRing::WrittenOver(std::uint64_t position) const {
  return reserved_.load(std::memory_order_acquire) - position > capacity_;
}

/// Where a record begins. An index that is written over this fast gives that of a newer one: a
/// record begins there all the same, or the next one will.
std::uint64_t BusRing::PositionOf(std::uint64_t record) const {
  return IndexAt(record).load(std::memory_order_acquire);
}

/// Where the oldest record begins that will certainly not be written over at once. A ring that is
/// written over this fast may fool it: the reader notices.
std::uint64_t BusRing::Oldest() const {
  const std::uint64_t records = Records();
  const std::uint64_t indexed = std::min<std::uint64_t>(records, index_size_ - index_size_ / 4);
  const std::uint64_t end = Committed();
  // Not the very edge: that is the next to go.
  const std::uint64_t kept = capacity_ - capacity_ / 8;
  std::uint64_t low = records - indexed;
  std::uint64_t high = records;
  while (low < high) {
    const std::uint64_t middle = low + (high - low) / 2;
    if (end - PositionOf(middle) <= kept) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return low == records ? end : PositionOf(low);
}

BusRing::Cursor BusRing::End() const {
  std::optional<Totals> totals;
  while (!totals) totals = TryCount();
  return {totals->end, totals->next, totals->skips, false};
}

BusRing::Cursor BusRing::Back(std::size_t records) const {
  Cursor cursor;
  const std::uint64_t pushed = Records();
  const std::uint64_t wanted = std::min<std::uint64_t>({records, kHistory, pushed});
  cursor.position = wanted == 0 ? Committed() : std::max(Oldest(), PositionOf(pushed - wanted));
  return cursor;
}

BusRing::ReadResult BusRing::Read(Cursor& cursor, TopicSet topics, Head& head, std::string& out,
                                  std::size_t room) const {
  Copy copy{head, out, room};
  switch (TryCopy(cursor.position, topics, copy)) {
    case CopyResult::kNotYet:
      return ReadResult::kNothing;
    case CopyResult::kOverwritten:
      cursor.position = Oldest();
      cursor.overrun = true;
      return ReadResult::kOverrun;
    case CopyResult::kCopied:
      break;
  }
  cursor.position = copy.end;
  return (topics & Only(head.topic)) != 0 ? ReadResult::kRecord : ReadResult::kSkipped;
}

std::uint64_t BusRing::SettleLosses(Cursor& cursor, TopicSet topics) const {
  // Who has read every record has missed none. Mostly so, and the counters are the publisher's.
  if (!cursor.overrun && skips_.load(std::memory_order_acquire) == cursor.skips) return 0;
  const std::optional<Totals> totals = TryCount();
  if (!totals || totals->end != cursor.position) return 0;
  std::uint64_t lost = 0;
  for (std::size_t i = 0; i < kTopics; ++i) {
    if ((topics & TopicSet{1} << i) != 0) lost += totals->next[i] - cursor.next[i];
  }
  cursor.next = totals->next;
  cursor.skips = totals->skips;
  cursor.overrun = false;
  return lost;
}

}  // namespace tlscope
