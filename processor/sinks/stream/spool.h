// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "processor/sinks/sink.h"
#include "processor/sinks/sink_account.h"
#include "processor/sinks/stream/chunk_queue.h"
#include "processor/sinks/stream/send_cursor.h"

namespace tlscope {

/// What a Spool holds.
struct SpoolOptions {
  /// Of blocks, each counted with Spool::kBlockOverheadBytes.
  std::uint64_t bytes = 64U << 20;
  /// Makes the bytes sent where blocks were refused because the spool was full. Empty: none are.
  DropMarker marker = {};
  WhenFull when_full = WhenFull::kDrop;
};

/// The bounded queue between those who push blocks and the one thread that sends them to a peer,
/// over one connection after the other: the bytes (ChunkQueue), how far the sender is in them
/// (SendCursor) and what became of each block (SinkAccount).
///
/// A block has a sequence: its place among those pushed, from 1, refused ones counted too. In order
/// of their sequences blocks are queued, then sent, then released: at once, unless the peer
/// acknowledges (KeepSent); then by Acknowledge.
class Spool {
 public:
  /// About what a block costs besides its bytes.
  static constexpr std::uint64_t kBlockOverheadBytes = 64;
  /// Waiting bytes that are worth a write of their own: the sender is woken for no less.
  static constexpr std::size_t kBatchBytes = ChunkQueue::kChunkBytes;

  explicit Spool(SpoolOptions options) : options_(std::move(options)) {}
  Spool(const Spool&) = delete;
  Spool& operator=(const Spool&) = delete;

  // Any thread.

  enum class Pushed : std::uint8_t {
    kTaken,
    kTakenWake,  ///< taken, and the sender is to be told: it waits
    kRefused,
  };
  /// A block larger than the whole spool is taken when the spool is empty. An empty block is none,
  /// and taken.
  [[nodiscard]] Pushed Push(std::string block);
  /// Waits until nothing is queued, or later pushes are refused.
  void AwaitEmpty();
  /// Later pushes are refused.
  void Close();
  /// Fills in what is counted here: nothing of connections.
  SinkStats stats() const;

  // The sending thread.

  /// A connection begins: a block that was cut off is sent again, and so are, when the peer
  /// acknowledges, those that were sent. Returns the sequence of the first block that follows.
  std::uint64_t BeginConnection();

  /// Bytes to be sent now, in at most `max_parts` parts and about `max_bytes` bytes. They stay
  /// where they are until Sent or BeginConnection. Empty when none wait.
  void Gather(std::vector<std::string_view>& parts, std::size_t max_parts, std::size_t max_bytes);
  /// The same for what is left of a block that was sent in part; false when there is none.
  [[nodiscard]] bool GatherRestOfBlock(std::vector<std::string_view>& parts);
  /// The first `bytes` bytes of what was gathered are sent, and the rest is not.
  void Sent(std::size_t bytes);

  /// From now on blocks are kept until they are acknowledged.
  void KeepSent();
  /// Blocks of more bytes, which would make the peer close the connection time and again, are given
  /// up when their turn comes. Not below kMinBlockLimit.
  void LimitBlocks(std::uint64_t bytes);
  static constexpr std::uint64_t kMinBlockLimit = ChunkQueue::kJoinBytes;

  /// The peer has all blocks up to this one. False when it cannot, because that was never sent.
  [[nodiscard]] bool Acknowledge(std::uint64_t sequence);

  /// How the sender waits.
  enum class Wait : std::uint8_t {
    kBusy,       ///< it does not: no push tells
    kForAny,     ///< a push tells
    kForCompany  ///< a push tells when kBatchBytes wait
  };
  /// False, and the sender is busy, when what it would wait for is there.
  [[nodiscard]] bool StartWait(Wait wait);

  /// Nothing is queued, nor sent and to be acknowledged.
  bool Empty() const;
  bool keeps_sent() const;
  /// Gives up all blocks.
  void DropAll();

 private:
  using Item = ChunkQueue::Item;

  // All of these need mutex_.
  bool HasRoomFor(std::size_t bytes) const;
  void EnqueueMarker();
  bool IsTooLarge(const Item& item) const;
  void DropTooLarge();
  void CountSent(const Item& block);
  void ReleaseDone();
  bool IsDone(const Item& item);
  void GiveUp(const Item& block);
  std::uint64_t waiting_bytes() const { return queue_.end() - cursor_.sent; }

  const SpoolOptions options_;

  mutable std::mutex mutex_;      // guards what follows
  std::condition_variable room_;  // those who wait for it, with WhenFull::kWait and in AwaitEmpty
  SinkAccount account_;
  ChunkQueue queue_;
  SendCursor cursor_;
  bool keeps_sent_ = false;
  bool closed_ = false;
  Wait wait_ = Wait::kBusy;

  std::uint64_t block_limit_ = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t last_sequence_ = 0;    // of the blocks pushed
  std::uint64_t highest_sent_ = 0;     // wholly, on any connection
  std::uint64_t acknowledgeable_ = 0;  // begun to be sent, or known to the peer never to come
  std::uint64_t acknowledged_ = 0;     // as the peer says
  SinkAccount::Count unacknowledged_;  // wholly sent on this connection, and kept
  std::uint64_t resent_blocks_ = 0;
};

}  // namespace tlscope
