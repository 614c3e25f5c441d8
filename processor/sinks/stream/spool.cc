// SPDX-License-Identifier: Apache-2.0
#include "processor/sinks/stream/spool.h"

#include <algorithm>
#include <cassert>

namespace tlscope {
namespace {

using Fate = SinkAccount::Fate;

}  // namespace

Spool::Pushed Spool::Push(std::string block) {
  const std::size_t bytes = block.size();
  if (bytes == 0) return Pushed::kTaken;
  std::unique_lock lock(mutex_);
  if (options_.when_full == WhenFull::kWait)
    account_.Await(room_, lock, [&] { return closed_ || HasRoomFor(bytes); });
  ++last_sequence_;
  if (closed_) {
    account_.RefusedClosed(bytes);
    return Pushed::kRefused;
  }
  if (!HasRoomFor(bytes)) {
    account_.RefusedFull(bytes);
    return Pushed::kRefused;
  }
  EnqueueMarker();
  queue_.AppendBlock(std::move(block), last_sequence_);
  account_.Taken(bytes);
  const bool wake =
      wait_ == Wait::kForAny || (wait_ == Wait::kForCompany && waiting_bytes() >= kBatchBytes);
  if (!wake) return Pushed::kTaken;
  wait_ = Wait::kBusy;  // told once
  return Pushed::kTakenWake;
}

void Spool::AwaitEmpty() {
  std::unique_lock lock(mutex_);
  room_.wait(lock, [&] { return closed_ || account_.queued_blocks() == 0; });
}

void Spool::Close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  room_.notify_all();
  EnqueueMarker();
}

SinkStats Spool::stats() const {
  const std::lock_guard lock(mutex_);
  SinkStats stats = account_.stats();
  stats.unacknowledged_blocks = unacknowledged_.blocks;
  stats.unacknowledged_bytes = unacknowledged_.bytes;
  stats.resent_blocks = resent_blocks_;
  return stats;
}

bool Spool::HasRoomFor(std::size_t bytes) const {
  if (account_.queued_blocks() == 0) return true;
  const std::uint64_t held =
      account_.queued_bytes() + (account_.queued_blocks() + 1) * kBlockOverheadBytes;
  return held <= options_.bytes && bytes <= options_.bytes - held;
}

/// Says what was refused since the last time.
void Spool::EnqueueMarker() {
  std::string marker = account_.TakeMarker(options_.marker);
  if (!marker.empty()) queue_.AppendMarker(std::move(marker));
}

std::uint64_t Spool::BeginConnection() {
  const std::lock_guard lock(mutex_);
  cursor_.Rewind();
  unacknowledged_ = {};
  auto first = queue_.At(cursor_.sent);
  while (first && first->is_marker()) first = queue_.At(first->end);
  const std::uint64_t sequence = first ? first->sequence : last_sequence_ + 1;
  // Those before it that were refused will never come: the peer may say that it has them.
  acknowledgeable_ = std::max(acknowledgeable_, sequence - 1);
  return sequence;
}

void Spool::Gather(std::vector<std::string_view>& parts, std::size_t max_parts,
                   std::size_t max_bytes) {
  parts.clear();
  const std::lock_guard lock(mutex_);
  cursor_.Gather(cursor_.sent);
  DropTooLarge();
  while (cursor_.gathered < queue_.end() && parts.size() < max_parts) {
    if (!parts.empty() && IsTooLarge(*queue_.At(cursor_.gathered))) break;
    const std::string_view bytes = queue_.HandOut(cursor_.gathered);
    if (!parts.empty() && bytes.size() > max_bytes) break;
    parts.push_back(bytes.substr(0, max_bytes));
    max_bytes -= parts.back().size();
    cursor_.Gather(cursor_.gathered + parts.back().size());
    acknowledgeable_ = std::max(acknowledgeable_, queue_.At(cursor_.gathered - 1)->sequence);
  }
  assert(cursor_.IsWithin(queue_));
}

bool Spool::IsTooLarge(const Item& item) const {
  return !item.is_marker() && item.bytes() > block_limit_;
}

/// Gives up the blocks from where the sender is on that it may not send.
void Spool::DropTooLarge() {
  for (auto next = queue_.At(cursor_.sent);
       next && next->begin == cursor_.sent && IsTooLarge(*next); next = queue_.At(cursor_.sent)) {
    GiveUp(*next);
    queue_.Erase(*next);
  }
}

/// Counts a block as lost.
void Spool::GiveUp(const Item& block) {
  const bool sent = block.sequence <= highest_sent_;
  account_.Settle(sent ? Fate::kUnconfirmed : Fate::kDroppedFailed, block.bytes());
  room_.notify_all();
}

bool Spool::GatherRestOfBlock(std::vector<std::string_view>& parts) {
  parts.clear();
  const std::lock_guard lock(mutex_);
  const auto item = queue_.At(cursor_.sent);
  if (!item || item->begin == cursor_.sent) return false;
  parts.push_back(queue_.HandOut(cursor_.sent).substr(0, item->end - cursor_.sent));
  cursor_.Gather(item->end);
  return true;
}

void Spool::Sent(std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  auto item = queue_.At(cursor_.sent);
  cursor_.Send(bytes);
  for (; item && item->end <= cursor_.sent; item = queue_.At(item->end)) {
    if (!item->is_marker()) CountSent(*item);
  }
  ReleaseDone();
}

/// The block was wholly sent.
void Spool::CountSent(const Item& block) {
  if (block.sequence <= highest_sent_) ++resent_blocks_;
  highest_sent_ = std::max(highest_sent_, block.sequence);
  if (!keeps_sent_) return;
  ++unacknowledged_.blocks;
  unacknowledged_.bytes += block.bytes();
}

/// Gives away, in order, what the peer is known or taken to have.
void Spool::ReleaseDone() {
  for (auto item = queue_.At(cursor_.released); item && IsDone(*item);
       item = queue_.At(item->end)) {
    cursor_.Release(item->end);
    if (item->is_marker()) continue;
    account_.Settle(keeps_sent_ ? Fate::kAcknowledged : Fate::kWritten, item->bytes());
    room_.notify_all();
  }
  queue_.Free(cursor_.released);
  assert(cursor_.IsWithin(queue_));
}

/// Whether the first item that is not released can be.
bool Spool::IsDone(const Item& item) {
  const bool sent = item.end <= cursor_.sent;
  if (item.is_marker() || !keeps_sent_) return sent;
  if (item.sequence > acknowledged_) return false;
  if (sent) {
    --unacknowledged_.blocks;
    unacknowledged_.bytes -= item.bytes();
    return true;
  }
  // The peer has it from an earlier connection. But what was begun has to be ended: it is in the
  // middle of it.
  if (cursor_.sent != item.begin || cursor_.gathered != cursor_.sent) return false;
  cursor_.Skip(item.end);
  return true;
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
  ReleaseDone();
  return true;
}

bool Spool::StartWait(Wait wait) {
  const std::lock_guard lock(mutex_);
  const bool there = wait == Wait::kForAny ? waiting_bytes() > 0 : waiting_bytes() >= kBatchBytes;
  wait_ = there ? Wait::kBusy : wait;
  return wait == Wait::kBusy || !there;
}

bool Spool::Empty() const {
  const std::lock_guard lock(mutex_);
  return queue_.empty();
}

bool Spool::keeps_sent() const {
  const std::lock_guard lock(mutex_);
  return keeps_sent_;
}

void Spool::DropAll() {
  const std::lock_guard lock(mutex_);
  for (auto item = queue_.At(cursor_.released); item; item = queue_.At(item->end)) {
    if (!item->is_marker()) GiveUp(*item);
  }
  queue_.Clear();
  cursor_ = {queue_.end(), queue_.end(), queue_.end()};
  unacknowledged_ = {};
}

}  // namespace tlscope
