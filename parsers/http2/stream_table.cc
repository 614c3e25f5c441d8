// SPDX-License-Identifier: Apache-2.0
#include "parsers/http2/stream_table.h"

#include <algorithm>

namespace tlscope::http2 {

std::vector<StreamTable::Entry>::iterator StreamTable::PositionOf(std::uint32_t id) {
  // New streams have the highest ids.
  if (entries_.empty() || entries_.back().id < id) return entries_.end();
  return std::lower_bound(entries_.begin(), entries_.end(), id,
                          [](const Entry& entry, std::uint32_t key) { return entry.id < key; });
}

Stream* StreamTable::Find(std::uint32_t id) {
  const auto position = PositionOf(id);
  if (position == entries_.end() || position->id != id) return nullptr;
  position->used = ++clock_;
  return position->stream.get();
}

Stream* StreamTable::Add(std::uint32_t id) {
  if (entries_.size() == kMaxStreams || !budget_.Take(kStreamBytes)) return nullptr;
  auto stream = std::make_unique<Stream>(id, limits_, budget_, handler_);
  return entries_.insert(PositionOf(id), Entry{id, ++clock_, std::move(stream)})->stream.get();
}

void StreamTable::Remove(std::uint32_t id) {
  const auto position = PositionOf(id);
  if (position == entries_.end() || position->id != id) return;
  entries_.erase(position);
  budget_.Give(kStreamBytes);
  // A burst is no reason for an idle connection to stay large.
  if (entries_.empty() && entries_.capacity() > 16) entries_.shrink_to_fit();
}

Stream* StreamTable::Oldest() {
  const auto older = [](const Entry& a, const Entry& b) { return a.used < b.used; };
  const auto oldest = std::min_element(entries_.begin(), entries_.end(), older);
  return oldest == entries_.end() ? nullptr : oldest->stream.get();
}

Stream* StreamTable::After(std::uint32_t id) {
  const auto position =
      std::upper_bound(entries_.begin(), entries_.end(), id,
                       [](std::uint32_t key, const Entry& entry) { return key < entry.id; });
  return position == entries_.end() ? nullptr : position->stream.get();
}

std::uint64_t StreamTable::held_bytes() const {
  std::uint64_t bytes = entries_.size() * kStreamBytes;
  for (const Entry& entry : entries_) bytes += entry.stream->held_bytes();
  return bytes;
}

bool StreamTable::holds_part() const {
  return std::any_of(entries_.begin(), entries_.end(),
                     [](const Entry& entry) { return entry.stream->message.holds_part(); });
}

void StreamTable::Clear() {
  budget_.Give(entries_.size() * kStreamBytes);
  entries_.clear();
}

}  // namespace tlscope::http2
