// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "processor/sinks/sink.h"

namespace tlscope {

/// What a Spool holds.
struct SpoolOptions {
  /// Of blocks, each counted with Spool::kBlockOverheadBytes.
  std::uint64_t bytes = 64U << 20;
  /// Makes the bytes sent where blocks were refused because the spool was full. Empty: none are.
  std::function<std::string(std::uint64_t blocks, std::uint64_t bytes)> marker = {};
  WhenFull when_full = WhenFull::kDrop;
};

/// The bounded queue between those who push blocks and the one thread that sends them to a peer,
/// over one connection after the other, and the account of what became of each.
///
/// A block has a sequence: its place among those pushed, from 1, refused ones counted too. In order
/// of their sequences blocks are queued, then sent, then released. Those before the place where the
/// sender is are sent. They are released at once, unless the peer acknowledges (KeepSent): then by
/// Acknowledge.
class Spool {
 public:
  /// About what a block costs besides its bytes.
  static constexpr std::uint64_t kBlockOverheadBytes = 64;
  /// Waiting bytes that are worth a write of their own: the sender is woken for no less.
  static constexpr std::size_t kBatchBytes = std::size_t{64} << 10;

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
  static constexpr std::uint64_t kMinBlockLimit = std::uint64_t{8} << 10;

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
  struct Block {
    std::uint64_t sequence;
    std::size_t end;  // in the chunk's bytes
  };
  /// Some blocks in a row, or a marker, which has none. Once `handed_out`, its bytes stay where
  /// they are.
  struct Chunk {
    std::string bytes;
    std::vector<Block> blocks;
    bool handed_out = false;

    /// Small blocks, besides small ones.
    bool TakesMore() const;
    std::size_t StartOf(std::size_t block) const { return block == 0 ? 0 : blocks[block - 1].end; }
    std::size_t BytesOf(std::size_t block) const { return blocks[block].end - StartOf(block); }
  };
  struct Place {
    std::size_t chunk = 0;  // index into chunks_
    std::size_t block = 0;  // of that chunk
  };

  // All of these need mutex_.
  bool HasRoomFor(std::size_t bytes) const;
  void Enqueue(std::string&& block);
  void EnqueueMarker();
  bool AtEnd() const { return next_.chunk >= chunks_.size(); }
  std::uint64_t NextSequence() const;
  void DropTooLarge();
  void GiveUp(const Chunk& chunk, std::size_t block);
  void PassBlock();
  void PassChunk();
  void PopReleased();
  void ReleaseFirst(bool acknowledged);
  bool ReleaseFirstIfAcknowledged();

  const SpoolOptions options_;

  mutable std::mutex mutex_;      // guards what follows
  std::condition_variable room_;  // those who wait for it, with WhenFull::kWait and in AwaitEmpty
  std::deque<Chunk> chunks_;
  std::size_t released_ = 0;    // blocks of the first chunk
  Place next_;                  // where the sender is: not before what is released
  std::size_t sent_bytes_ = 0;  // of next_'s chunk, on this connection
  bool gathered_ = false;       // parts are out, and Sent has not come
  bool keeps_sent_ = false;
  bool closed_ = false;
  Wait wait_ = Wait::kBusy;

  std::uint64_t block_limit_ = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t last_sequence_ = 0;    // of the blocks pushed
  std::uint64_t highest_sent_ = 0;     // wholly, on any connection
  std::uint64_t acknowledgeable_ = 0;  // begun to be sent, or known to the peer never to come
  std::uint64_t acknowledged_ = 0;     // as the peer says
  std::uint64_t unsent_bytes_ = 0;     // of blocks not wholly sent on this connection
  std::uint64_t refused_blocks_ = 0;   // since the last marker
  std::uint64_t refused_bytes_ = 0;    // likewise
  SinkStats stats_;
};

}  // namespace tlscope
