// SPDX-License-Identifier: Apache-2.0
#include "processor/sinks/stream/spool.h"

#include <algorithm>

namespace tlscope {
namespace {

// Blocks up to this size are copied together: that costs less than to free each one, and to give
// each one to the system by itself. A block that may be too large for a peer is never among them.
constexpr std::size_t kJoinBytes = Spool::kMinBlockLimit;

}  // namespace

bool Spool::Chunk::TakesMore() const {
  return !handed_out && !blocks.empty() && blocks.front().end <= kJoinBytes;
}

Spool::Pushed Spool::Push(std::string block) {
  const std::size_t bytes = block.size();
  if (bytes == 0) return Pushed::kTaken;
  std::unique_lock lock(mutex_);
  if (options_.when_full == WhenFull::kWait)
    room_.wait(lock, [&] { return closed_ || HasRoomFor(bytes); });
  ++last_sequence_;
  ++stats_.pushed_blocks;
  stats_.pushed_bytes += bytes;
  if (closed_) {
    ++stats_.dropped_closed_blocks;
    stats_.dropped_closed_bytes += bytes;
    return Pushed::kRefused;
  }
  if (!HasRoomFor(bytes)) {
    ++stats_.dropped_full_blocks;
    stats_.dropped_full_bytes += bytes;
    ++refused_blocks_;
    refused_bytes_ += bytes;
    return Pushed::kRefused;
  }
  EnqueueMarker();
  Enqueue(std::move(block));
  ++stats_.queued_blocks;
  stats_.queued_bytes += bytes;
  unsent_bytes_ += bytes;
  const bool wake =
      wait_ == Wait::kForAny || (wait_ == Wait::kForCompany && unsent_bytes_ >= kBatchBytes);
  if (!wake) return Pushed::kTaken;
  wait_ = Wait::kBusy;  // told once
  return Pushed::kTakenWake;
}

void Spool::AwaitEmpty() {
  std::unique_lock lock(mutex_);
  room_.wait(lock, [&] { return closed_ || stats_.queued_blocks == 0; });
}

void Spool::Close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  room_.notify_all();
  EnqueueMarker();
}

SinkStats Spool::stats() const {
  const std::lock_guard lock(mutex_);
  return stats_;
}

bool Spool::HasRoomFor(std::size_t bytes) const {
  if (stats_.queued_blocks == 0) return true;
  const std::uint64_t held = stats_.queued_bytes + (stats_.queued_blocks + 1) * kBlockOverheadBytes;
  return held <= options_.bytes && bytes <= options_.bytes - held;
}

void Spool::Enqueue(std::string&& block) {
  const bool join = block.size() <= kJoinBytes && !chunks_.empty() && chunks_.back().TakesMore() &&
                    chunks_.back().bytes.size() + block.size() <= kBatchBytes;
  if (join) {
    // Grows as it does by itself: room made at once for all that may come would be many times what
    // is counted, where a few blocks at a time are sent and wait for the acknowledgement.
    chunks_.back().bytes += block;
  } else {
    chunks_.emplace_back().bytes = std::move(block);
  }
  Chunk& chunk = chunks_.back();
  chunk.blocks.push_back({last_sequence_, chunk.bytes.size()});
}

/// Says what was refused since the last time.
void Spool::EnqueueMarker() {
  if (refused_blocks_ == 0) return;
  const std::uint64_t blocks = std::exchange(refused_blocks_, 0);
  const std::uint64_t bytes = std::exchange(refused_bytes_, 0);
  if (!options_.marker) return;
  std::string marker = options_.marker(blocks, bytes);
  if (!marker.empty()) chunks_.emplace_back().bytes = std::move(marker);
}

std::uint64_t Spool::BeginConnection() {
  const std::lock_guard lock(mutex_);
  gathered_ = false;
  if (keeps_sent_) {
    next_ = {0, released_};
    unsent_bytes_ += std::exchange(stats_.unacknowledged_bytes, 0);
    stats_.unacknowledged_blocks = 0;
  }
  sent_bytes_ = AtEnd() ? 0 : chunks_[next_.chunk].StartOf(next_.block);
  const std::uint64_t sequence = NextSequence();
  // Those before it that were refused will never come: the peer may say that it has them.
  acknowledgeable_ = std::max(acknowledgeable_, sequence - 1);
  return sequence;
}

std::uint64_t Spool::NextSequence() const {
  for (Place place = next_; place.chunk < chunks_.size(); place = {place.chunk + 1, 0}) {
    const std::vector<Block>& blocks = chunks_[place.chunk].blocks;
    if (place.block < blocks.size()) return blocks[place.block].sequence;
  }
  return last_sequence_ + 1;
}

void Spool::Gather(std::vector<std::string_view>& parts, std::size_t max_parts,
                   std::size_t max_bytes) {
  parts.clear();
  const std::lock_guard lock(mutex_);
  DropTooLarge();
  std::size_t skip = sent_bytes_;
  for (std::size_t i = next_.chunk; i < chunks_.size() && parts.size() < max_parts; ++i) {
    Chunk& chunk = chunks_[i];
    if (i != next_.chunk && chunk.bytes.size() > block_limit_ && chunk.blocks.size() == 1) break;
    const std::string_view part = std::string_view(chunk.bytes).substr(std::exchange(skip, 0));
    if (!parts.empty() && part.size() > max_bytes) break;
    parts.push_back(part.substr(0, max_bytes));
    max_bytes -= parts.back().size();
    chunk.handed_out = true;
    if (!chunk.blocks.empty())
      acknowledgeable_ = std::max(acknowledgeable_, chunk.blocks.back().sequence);
  }
  gathered_ = !parts.empty();
}

/// Gives up the blocks from where the sender is on that it may not send.
void Spool::DropTooLarge() {
  while (!AtEnd() && sent_bytes_ == 0) {
    const Chunk& chunk = chunks_[next_.chunk];
    if (chunk.bytes.size() <= block_limit_ || chunk.blocks.size() != 1) return;
    unsent_bytes_ -= chunk.bytes.size();
    GiveUp(chunk, 0);
    chunks_.erase(chunks_.begin() + static_cast<std::ptrdiff_t>(next_.chunk));
  }
}

/// Counts a block of `chunk` as lost.
void Spool::GiveUp(const Chunk& chunk, std::size_t block) {
  const std::size_t bytes = chunk.BytesOf(block);
  --stats_.queued_blocks;
  stats_.queued_bytes -= bytes;
  room_.notify_all();
  ++stats_.dropped_failed_blocks;
  stats_.dropped_failed_bytes += bytes;
  if (chunk.blocks[block].sequence > highest_sent_) return;
  ++stats_.unconfirmed_blocks;
  stats_.unconfirmed_bytes += bytes;
}

bool Spool::GatherRestOfBlock(std::vector<std::string_view>& parts) {
  parts.clear();
  const std::lock_guard lock(mutex_);
  if (AtEnd()) return false;
  const Chunk& chunk = chunks_[next_.chunk];
  if (sent_bytes_ == chunk.StartOf(next_.block)) return false;
  const std::size_t end = chunk.blocks.empty() ? chunk.bytes.size() : chunk.blocks[next_.block].end;
  parts.push_back(std::string_view(chunk.bytes).substr(sent_bytes_, end - sent_bytes_));
  gathered_ = true;
  return true;
}

void Spool::Sent(std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  gathered_ = false;
  sent_bytes_ += bytes;
  while (!AtEnd()) {
    const std::size_t chunk_bytes = chunks_[next_.chunk].bytes.size();
    const std::vector<Block>& blocks = chunks_[next_.chunk].blocks;
    while (next_.block < blocks.size() && blocks[next_.block].end <= sent_bytes_) PassBlock();
    if (sent_bytes_ < chunk_bytes) break;
    sent_bytes_ -= chunk_bytes;
    PassChunk();
  }
  while (ReleaseFirstIfAcknowledged()) {
  }
}

/// The block where the sender is was wholly sent.
void Spool::PassBlock() {
  const Chunk& chunk = chunks_[next_.chunk];
  const std::size_t bytes = chunk.BytesOf(next_.block);
  const std::uint64_t sequence = chunk.blocks[next_.block].sequence;
  ++next_.block;
  unsent_bytes_ -= bytes;
  if (sequence <= highest_sent_) ++stats_.resent_blocks;
  highest_sent_ = std::max(highest_sent_, sequence);
  if (!keeps_sent_) return ReleaseFirst(false);
  ++stats_.unacknowledged_blocks;
  stats_.unacknowledged_bytes += bytes;
}

/// Nothing more of the chunk where the sender is is to be sent.
void Spool::PassChunk() {
  next_ = {next_.chunk + 1, 0};
  PopReleased();
}

/// Frees chunks that are neither to be sent nor waiting for an acknowledgement.
void Spool::PopReleased() {
  while (next_.chunk > 0 && released_ == chunks_.front().blocks.size()) {
    chunks_.pop_front();
    --next_.chunk;
    released_ = 0;
  }
}

void Spool::KeepSent() {
  const std::lock_guard lock(mutex_);
  keeps_sent_ = true;
}

void Spool::LimitBlocks(std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  block_limit_ = std::max(bytes, kMinBlockLimit);
}

bool Spool::Acknowledge(std::uint64_t sequence) {
  const std::lock_guard lock(mutex_);
  if (sequence > acknowledgeable_) return false;
  acknowledged_ = std::max(acknowledged_, sequence);
  while (ReleaseFirstIfAcknowledged()) {
  }
  return true;
}

bool Spool::ReleaseFirstIfAcknowledged() {
  if (chunks_.empty() || released_ == chunks_.front().blocks.size()) return false;
  const Chunk& chunk = chunks_.front();
  if (chunk.blocks[released_].sequence > acknowledged_) return false;
  const std::size_t bytes = chunk.BytesOf(released_);
  if (next_.chunk > 0 || released_ < next_.block) {
    --stats_.unacknowledged_blocks;
    stats_.unacknowledged_bytes -= bytes;
    ReleaseFirst(true);
    PopReleased();
    return true;
  }
  // What was begun has to be ended: the peer is in the middle of it.
  if (gathered_ || sent_bytes_ != chunk.StartOf(released_)) return false;
  unsent_bytes_ -= bytes;
  sent_bytes_ += bytes;
  ++next_.block;
  ReleaseFirst(true);
  if (sent_bytes_ == chunk.bytes.size()) {
    sent_bytes_ = 0;
    PassChunk();
  }
  return true;
}

/// Counts the first block as given away.
void Spool::ReleaseFirst(bool acknowledged) {
  const std::size_t bytes = chunks_.front().BytesOf(released_);
  ++released_;
  --stats_.queued_blocks;
  stats_.queued_bytes -= bytes;
  room_.notify_all();
  ++stats_.written_blocks;
  stats_.written_bytes += bytes;
  if (!acknowledged) return;
  ++stats_.acknowledged_blocks;
  stats_.acknowledged_bytes += bytes;
}

bool Spool::StartWait(Wait wait) {
  const std::lock_guard lock(mutex_);
  const bool there = wait == Wait::kForAny ? !AtEnd() : unsent_bytes_ >= kBatchBytes;
  wait_ = there ? Wait::kBusy : wait;
  return wait == Wait::kBusy || !there;
}

bool Spool::Empty() const {
  const std::lock_guard lock(mutex_);
  return chunks_.empty();
}

bool Spool::keeps_sent() const {
  const std::lock_guard lock(mutex_);
  return keeps_sent_;
}

void Spool::DropAll() {
  const std::lock_guard lock(mutex_);
  for (const Chunk& chunk : chunks_) {
    const bool first = &chunk == &chunks_.front();
    for (std::size_t i = first ? released_ : 0; i < chunk.blocks.size(); ++i) GiveUp(chunk, i);
  }
  chunks_.clear();
  released_ = 0;
  next_ = {};
  sent_bytes_ = 0;
  unsent_bytes_ = 0;
  gathered_ = false;
  stats_.unacknowledged_blocks = 0;
  stats_.unacknowledged_bytes = 0;
}

}  // namespace tlscope
