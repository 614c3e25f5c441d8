// SPDX-License-Identifier: Apache-2.0
#include "processor/bus/bus_ring.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <stdexcept>

namespace tlscope {
namespace {

// A record: this many words of head, then the body, padded to whole words. Every word is atomic,
// stored with release and loaded with acquire: a reader that sees a word written over also sees
// that its place was reserved for something newer (Boehm: Can seqlocks get along with programming
// language memory models?, 2012).
constexpr std::size_t kHeadWords = 7;
constexpr std::size_t kHeadBytes = kHeadWords * 8;

constexpr std::uint64_t PaddedBytes(std::uint64_t body_bytes) {
  return kHeadBytes + (body_bytes + 7) / 8 * 8;
}

// The first word: body length, stage, topic, kind.
constexpr std::uint64_t Pack(std::uint64_t body_bytes, const BusRing::Head& head) {
  return body_bytes << 24 | std::uint64_t{head.stage} << 16 |
         std::uint64_t{static_cast<std::uint8_t>(head.topic)} << 8 | head.kind;
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
  const std::uint64_t end = start + PaddedBytes(body.size());
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
  // Sequentially consistent: whoever is about to sleep either sees this record or is seen.
  committed_.store(end, std::memory_order_seq_cst);
}

void BusRing::Skip(Topic topic) noexcept {
  sequences_[static_cast<std::size_t>(topic)].store(NextSequence(topic), std::memory_order_release);
  // After it: who sees this one counts that one.
  skips_.store(skips_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
}

BusRing::Cursor BusRing::End() const {
  Cursor cursor;
  // The counters belong to the position only if nothing was written between the looks at it.
  do {
    cursor.position = committed_.load(std::memory_order_seq_cst);
    cursor.skips = skips_.load(std::memory_order_acquire);
    for (std::size_t i = 0; i < kTopics; ++i) {
      cursor.next[i] = 1 + sequences_[i].load(std::memory_order_acquire);
    }
  } while (reserved_.load(std::memory_order_acquire) != cursor.position);
  return cursor;
}

/// Where the oldest record begins that will certainly not be written over at once. A ring that is
/// written over this fast may fool it: the reader notices.
std::uint64_t BusRing::Oldest() const {
  const std::uint64_t records = records_.load(std::memory_order_acquire);
  const std::uint64_t indexed = std::min<std::uint64_t>(records, index_size_ - index_size_ / 4);
  const std::uint64_t end = committed_.load(std::memory_order_acquire);
  // Not the very edge: that is the next to go.
  const std::uint64_t kept = capacity_ - capacity_ / 8;
  std::uint64_t low = records - indexed;
  std::uint64_t high = records;
  while (low < high) {
    const std::uint64_t middle = low + (high - low) / 2;
    const std::uint64_t position = IndexAt(middle).load(std::memory_order_acquire);
    if (end - position <= kept) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return low == records ? end : IndexAt(low).load(std::memory_order_acquire);
}

BusRing::Cursor BusRing::Back(std::size_t records) const {
  Cursor cursor;
  const std::uint64_t pushed = records_.load(std::memory_order_acquire);
  const std::uint64_t wanted = std::min<std::uint64_t>({records, kHistory, pushed});
  cursor.position =
      wanted == 0 ? committed_.load(std::memory_order_acquire)
                  : std::max(Oldest(), IndexAt(pushed - wanted).load(std::memory_order_acquire));
  return cursor;
}

BusRing::ReadResult BusRing::Read(Cursor& cursor, TopicSet topics, Head& head, std::string& out,
                                  std::size_t room) const {
  constexpr auto kAcquire = std::memory_order_acquire;
  const std::uint64_t start = cursor.position;
  if (committed_.load(std::memory_order_seq_cst) == start) return ReadResult::kNothing;
  const std::uint64_t first = At(start).load(kAcquire);
  const std::uint64_t bytes = first >> 24;
  head.topic = static_cast<Topic>(first >> 8 & 0xff);
  head.kind = static_cast<std::uint8_t>(first);
  head.stage = static_cast<std::uint8_t>(first >> 16);
  head.sequence = At(start + 8).load(kAcquire);
  const bool valid = StillThere(start) && bytes <= max_body_bytes();
  const bool wanted = valid && (topics & Only(head.topic)) != 0;
  if (wanted) {
    head.time_unix_ns = static_cast<std::int64_t>(At(start + 16).load(kAcquire));
    head.id = At(start + 24).load(kAcquire);
    head.parent = At(start + 32).load(kAcquire);
    head.root = At(start + 40).load(kAcquire);
    head.root_sequence = At(start + 48).load(kAcquire);
    out.resize(room + (bytes + 7) / 8 * 8);
    std::uint64_t position = start + kHeadBytes;
    for (std::size_t at = room; at < out.size(); at += 8, position += 8) {
      const std::uint64_t word = At(position).load(kAcquire);
      std::memcpy(out.data() + at, &word, 8);
    }
    out.resize(room + bytes);
  }
  if (!valid || !StillThere(start)) {
    cursor.position = Oldest();
    cursor.overrun = true;
    return ReadResult::kOverrun;
  }
  cursor.position = start + PaddedBytes(bytes);
  return wanted ? ReadResult::kRecord : ReadResult::kSkipped;
}

std::uint64_t BusRing::SettleLosses(Cursor& cursor, TopicSet topics) const {
  const std::uint64_t skips = skips_.load(std::memory_order_acquire);
  // Who has read every record has missed none. Mostly so, and the counters are the publisher's.
  if (!cursor.overrun && skips == cursor.skips) return 0;
  const std::uint64_t end = committed_.load(std::memory_order_seq_cst);
  if (end != cursor.position) return 0;
  std::array<std::uint64_t, kTopics> next{};
  for (std::size_t i = 0; i < kTopics; ++i) {
    next[i] = 1 + sequences_[i].load(std::memory_order_acquire);
  }
  if (reserved_.load(std::memory_order_acquire) != end) return 0;
  std::uint64_t lost = 0;
  for (std::size_t i = 0; i < kTopics; ++i) {
    if ((topics & TopicSet{1} << i) != 0) lost += next[i] - cursor.next[i];
  }
  cursor.next = next;
  cursor.skips = skips;
  cursor.overrun = false;
  return lost;
}

}  // namespace tlscope
