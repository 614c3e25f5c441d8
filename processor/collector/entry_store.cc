// SPDX-License-Identifier: Apache-2.0
#include "processor/collector/entry_store.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace tlscope {

EntryStore::EntryStore(std::vector<std::unique_ptr<CollectorOutput>> outputs)
    : outputs_(std::move(outputs)), stored_(outputs_.size(), 0) {}

std::shared_ptr<CollectedStream> EntryStore::Begin(const AgentIdentity& agent,
                                                   std::uint64_t next_sequence) {
  if (next_sequence != 0) {
    for (const auto& output : outputs_) output->Begin(agent, next_sequence - 1);
  }
  const auto known = by_id_.find(agent.stream_id);
  if (known != by_id_.end()) {
    streams_.splice(streams_.end(), streams_, known->second);
    return *known->second;
  }
  Forget();
  auto stream = std::make_shared<CollectedStream>();
  stream->agent = std::make_shared<const AgentIdentity>(agent);
  stream->stored = outputs_.empty() ? 0 : outputs_.front()->StoredOf(agent.stream_id);
  for (const auto& output : outputs_) {
    if (const auto taken = output->TakenOf(agent.stream_id)) {
      stream->taken = std::max(stream->taken.value_or(0), *taken);
    }
    stream->stored = std::min(stream->stored, output->StoredOf(agent.stream_id));
  }
  streams_.push_back(stream);
  by_id_[agent.stream_id] = std::prev(streams_.end());
  return stream;
}

/// Makes room for one stream more, as far as there are some that nobody holds.
void EntryStore::Forget() {
  if (streams_.size() < kStreams) return;
  const auto oldest = std::find_if(streams_.begin(), streams_.end(),
                                   [](const auto& stream) { return stream.use_count() == 1; });
  if (oldest == streams_.end()) return;
  forgotten_ += (*oldest)->counts;
  by_id_.erase((*oldest)->agent->stream_id);
  streams_.erase(oldest);
}

void EntryStore::Add(const std::shared_ptr<CollectedStream>& stream, const CollectedEntry& entry) {
  const std::uint64_t id = stream->agent->stream_id;
  ++stream->counts.received;
  const bool wanted = std::any_of(outputs_.begin(), outputs_.end(), [&](const auto& output) {
    const auto taken = output->TakenOf(id);
    return !taken || *taken < entry.sequence;
  });
  if (!wanted) {
    ++stream->counts.duplicates;
    return;
  }
  if (stream->taken && entry.sequence > *stream->taken) {
    stream->counts.dropped += entry.sequence - *stream->taken - 1;
  }
  stream->taken = std::max(stream->taken.value_or(0), entry.sequence);
  for (const auto& output : outputs_) output->Append(stream->agent, entry);
  entries_.push_back({stream, entry.sequence});
}

bool EntryStore::full() const {
  return stuck_ || std::any_of(outputs_.begin(), outputs_.end(),
                               [](const auto& output) { return output->full(); });
}

StoreOutcome EntryStore::Commit() {
  StoreOutcome worst = StoreOutcome::kDone;
  for (std::size_t i = 0; i < outputs_.size();) {
    const StoreOutcome outcome = outputs_[i]->Commit();
    if (outcome == StoreOutcome::kClosed && outputs_.size() > 1) {
      LetGo(i);
      continue;
    }
    worst = std::max(worst, outcome);
    ++i;
  }
  CountStored();
  stuck_ = worst != StoreOutcome::kDone;
  return worst;
}

void EntryStore::LetGo(std::size_t output) {
  const auto at = static_cast<std::ptrdiff_t>(output);
  outputs_[output]->Close();
  closed_.push_back(std::move(outputs_[output]));
  outputs_.erase(outputs_.begin() + at);
  stored_.erase(stored_.begin() + at);
}

void EntryStore::CountStored() {
  for (std::size_t i = 0; i < outputs_.size(); ++i) stored_[i] += outputs_[i]->TakeStored();
  const std::size_t all =
      stored_.empty() ? entries_.size() : *std::min_element(stored_.begin(), stored_.end());
  for (std::size_t i = 0; i < all; ++i) {
    CollectedStream& stream = *entries_.front().stream;
    ++stream.counts.stored;
    stream.stored = std::max(stream.stored, entries_.front().sequence);
    entries_.pop_front();
  }
  for (std::size_t& stored : stored_) stored -= all;
}

void EntryStore::Close() {
  for (const auto& output : outputs_) output->Close();
}

bool EntryStore::WantsPlaintext() const {
  return std::any_of(outputs_.begin(), outputs_.end(),
                     [](const auto& output) { return output->kind() == FormatKind::kPcapng; });
}

std::vector<std::shared_ptr<const CollectedStream>> EntryStore::streams() const {
  return {streams_.begin(), streams_.end()};
}

}  // namespace tlscope
