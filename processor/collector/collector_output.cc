// SPDX-License-Identifier: Apache-2.0
#include "processor/collector/collector_output.h"

#include <limits>
#include <utility>

namespace tlscope {

CollectorOutput::CollectorOutput(std::shared_ptr<Format> format, FormatKind kind,
                                 std::unique_ptr<Storage> storage, StreamPositions positions)
    : format_(std::move(format)),
      kind_(kind),
      protobuf_(dynamic_cast<const ProtobufFormat*>(format_.get())),
      storage_(std::move(storage)),
      taken_(positions),
      stored_(std::move(positions)) {}

void CollectorOutput::Begin(const AgentIdentity& agent, std::uint64_t sequence) {
  if (taken_.Of(agent.stream_id)) return;
  taken_.Set(agent, sequence);
  stored_.Set(agent, sequence);
}

void CollectorOutput::Append(const std::shared_ptr<const AgentIdentity>& agent,
                             const CollectedEntry& entry) {
  const std::optional<std::uint64_t> last = taken_.Of(agent->stream_id);
  if (last && entry.sequence <= *last) {
    marks_.push_back({pending_.size(), nullptr, 0});
    return;
  }
  format_->SetAgent(agent.get());
  if (last && entry.sequence - *last > 1)
    pending_ += format_->Dropped(entry.sequence - *last - 1, 0);
  if (protobuf_ != nullptr) {
    protobuf_->AppendEntry(entry.bytes, pending_);
  } else if (entry.payload != nullptr) {
    format_->Append(*entry.payload, pending_);
  }
  format_->SetAgent(nullptr);
  taken_.Set(*agent, entry.sequence);
  marks_.push_back({pending_.size(), agent, entry.sequence});
}

StoreOutcome CollectorOutput::Commit() {
  while (done_ < marks_.size()) {
    if (!portion_ && !ChoosePortion()) return StoreOutcome::kAgain;
    const StoreOutcome outcome = CommitPortion();
    if (outcome != StoreOutcome::kDone) return outcome;
  }
  marks_.clear();
  pending_.clear();
  if (pending_.capacity() > 2 * kBatchBytes) pending_.shrink_to_fit();
  done_ = 0;
  return StoreOutcome::kDone;
}

/// As many entries as there is room for before a file has to end, at least one. False: not now.
bool CollectorOutput::ChoosePortion() {
  const std::size_t begin = EndOf(done_);
  std::size_t first = done_ + 1;  // entries up to the first with bytes
  while (first < marks_.size() && EndOf(first) == begin) ++first;
  std::uint64_t room = std::numeric_limits<std::uint64_t>::max();
  if (const std::size_t bytes = EndOf(first) - begin; bytes > 0) {
    const std::optional<std::uint64_t> told = storage_->Prepare(bytes);
    if (!told) return false;
    room = *told;
  }
  std::size_t end = first;
  while (end < marks_.size() && marks_[end].end - begin <= room) ++end;
  portion_ = Portion{end};
  return true;
}

StoreOutcome CollectorOutput::CommitPortion() {
  const std::size_t begin = EndOf(done_);
  const std::size_t end = EndOf(portion_->end);
  if (!portion_->written) {
    const StoreOutcome outcome =
        storage_->Write(std::string_view(pending_).substr(begin, end - begin));
    if (outcome != StoreOutcome::kDone) return outcome;
    portion_->written = true;
    for (std::size_t i = done_; i < portion_->end; ++i) {
      if (marks_[i].agent) stored_.Set(*marks_[i].agent, marks_[i].sequence);
    }
  }
  const StoreOutcome outcome = storage_->Keep(stored_);
  if (outcome != StoreOutcome::kDone) return outcome;
  for (std::size_t i = done_; i < portion_->end; ++i) {
    const std::size_t bytes = EndOf(i + 1) - EndOf(i);
    if (bytes > 0) ++stats_.entries;
    stats_.bytes += bytes;
  }
  untaken_ += portion_->end - done_;
  done_ = portion_->end;
  portion_.reset();
  return StoreOutcome::kDone;
}

void CollectorOutput::Close() {
  storage_->Close();
  pending_ = {};
  marks_ = {};
  done_ = 0;
  portion_.reset();
}

std::size_t CollectorOutput::TakeStored() { return std::exchange(untaken_, 0); }

}  // namespace tlscope
