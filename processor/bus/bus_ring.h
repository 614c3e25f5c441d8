// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "processor/events/topic.h"

namespace tlscope {

/// The latest events of one publisher: it writes over the oldest without looking at who reads, and
/// every reader finds out by itself what it has missed. Wait-free for the publisher; any number of
/// readers. Records are bytes behind a head of fixed size.
///
/// A position counts the bytes ever written; modulo the ring's size it is a place in the ring.
///
///     reserved_ - capacity            committed_            reserved_
///              v                          v                     v
///   written    |  whole records, which    |  the record that    |  not yet: the places hold
///   over       |  readers may copy        |  is being written   |  what lies a capacity before
///
/// A record is a head of seven words of 8 bytes, then the body, padded to whole words:
///
///   word  0                                       1         2             3   4       5     6
///   | body bytes:40  stage:8  topic:8  kind:8 | sequence | time_unix_ns | id | parent | root |
///   | root_sequence |  body ...
///
/// Who writes and reads what when; the first two columns are a seqlock over each record:
///
///   Push, the publisher                TryCopy, a reader             TryCount, a reader
///   1 reserved_ = end       release    committed_ not behind the     committed_       seq_cst
///                                      position: kNotYet  seq_cst
///   2 words of the record   release    words of the record acquire
///   3 index_, records_      release
///   4 sequences_[topic]     release                                  sequences_       acquire
///                                      reserved_ - position beyond   reserved_ is not
///                                      capacity: kOverwritten        committed_: nothing
///                                                         acquire                     acquire
///   5 committed_ = end      seq_cst
///
/// A reader that copied a word of step 2 of a newer record has seen step 1 of that record, too, and
/// so notices when it looks at reserved_ after the copy. (Boehm: Can seqlocks get along with
/// programming language memory models?, 2012.) Likewise one that saw step 4 of a record that is not
/// committed. Step 5 is sequentially consistent: a reader that is about to sleep either sees the
/// record, or the publisher sees that it has to be woken.
class BusRing {
 public:
  /// Latest records that a reader may begin at, as long as their bytes are there.
  static constexpr std::size_t kHistory = 1000;

  struct Head {
    Topic topic{};
    std::uint8_t kind = 0;
    std::uint8_t stage = 0;
    std::uint64_t sequence = 0;  ///< among the records of its topic, from 1
    std::uint64_t root_sequence = 0;
    std::int64_t time_unix_ns = 0;
    std::uint64_t id = 0;
    std::uint64_t parent = 0;
    std::uint64_t root = 0;
  };

  /// Where a reader stands, and what it may expect.
  struct Cursor {
    std::uint64_t position = 0;
    std::array<std::uint64_t, kTopics> next{};  ///< sequence of the next record, by topic
    std::uint64_t skips = 0;                    ///< of the publisher that `next` knows of
    bool overrun = false;                       ///< since `next` was right for all topics
  };

  enum class ReadResult : std::uint8_t {
    kRecord,   ///< handed out; the cursor is behind it
    kSkipped,  ///< of another topic; the cursor is behind it
    kNothing,  ///< nothing is left
    kOverrun,  ///< it was written over: the cursor is at the oldest that can be read
  };

  /// `bytes` is a power of two, at least 4096.
  explicit BusRing(std::size_t bytes);

  /// The publisher: one thread at a time. `body` may be as long as max_body_bytes().
  void Push(Head head, std::string_view body) noexcept;
  std::size_t max_body_bytes() const { return capacity_ / 4; }
  std::uint64_t NextSequence(Topic topic) const {
    return 1 + sequences_[static_cast<std::size_t>(topic)].load(std::memory_order_relaxed);
  }

  /// Counts a record that is too long to be pushed: its readers miss it.
  void Skip(Topic topic) noexcept;

  /// A reader of what is published from now on.
  Cursor End() const;

  /// A reader of the last `records` records, at most kHistory, or as many of them as are there. Its
  /// `next` is of no use.
  Cursor Back(std::size_t records) const;

  /// The next record, if its topic is in `topics`. `head` and `out` are overwritten, whatever comes
  /// of it; `out` becomes `room` bytes of whatever, then the body.
  ReadResult Read(Cursor& cursor, TopicSet topics, Head& head, std::string& out,
                  std::size_t room) const;

  /// Records of `topics` up to now that the cursor, at the end of the ring, has never seen; they
  /// count as seen from now on. 0 when the publisher is at work: ask again.
  std::uint64_t SettleLosses(Cursor& cursor, TopicSet topics) const;

  /// Records pushed, by topic.
  std::uint64_t published(Topic topic) const { return NextSequence(topic) - 1; }

 private:
  using Word = std::atomic<std::uint64_t>;
  // Of memory that is not touched before it is used, which an array of atomics would be.
  using WordRef = std::atomic_ref<std::uint64_t>;

  enum class CopyResult : std::uint8_t {
    kCopied,       ///< the head's topic and the end; all of it, if the topic is wanted
    kOverwritten,  ///< before or while it was copied
    kNotYet,       ///< no record is there
  };

  /// Where a copy goes.
  struct Copy {
    Head& head;
    std::string& out;
    std::size_t room;
    std::uint64_t end = 0;  ///< position behind the record
  };

  /// What the counters say when `end` bytes are written.
  struct Totals {
    std::uint64_t end = 0;
    std::uint64_t skips = 0;
    std::array<std::uint64_t, kTopics> next{};
  };

  // All that reads what the publisher writes; see the table above.
  CopyResult TryCopy(std::uint64_t position, TopicSet topics, Copy& copy) const;
  std::optional<Totals> TryCount() const;
  bool WrittenOver(std::uint64_t position) const;
  std::uint64_t PositionOf(std::uint64_t record) const;
  std::uint64_t Records() const { return records_.load(std::memory_order_acquire); }
  std::uint64_t Committed() const { return committed_.load(std::memory_order_seq_cst); }

  std::uint64_t Oldest() const;

  WordRef At(std::uint64_t position) const { return WordRef(words_[(position / 8) & mask_]); }
  WordRef IndexAt(std::uint64_t record) const {
    return WordRef(index_[record & (index_size_ - 1)]);
  }

  const std::size_t capacity_;  // bytes
  const std::size_t mask_;      // of word indices
  std::unique_ptr<std::uint64_t[]> words_;
  // Positions of the latest records, by the number of the record.
  const std::size_t index_size_;
  std::unique_ptr<std::uint64_t[]> index_;
  // The publisher writes none of the above: readers have it in their caches.
  Word skips_ = 0;  // rare
  alignas(64) Word records_ = 0;
  std::array<Word, kTopics> sequences_{};  // of the latest record, by topic
  alignas(64) Word reserved_ = 0;          // bytes ever written, with the record being written
  alignas(64) Word committed_ = 0;         // without it
};

}  // namespace tlscope
