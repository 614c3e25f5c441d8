// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "processor/collector/storage/storage.h"
#include "processor/events/bus_events.h"
#include "processor/formats/format.h"
#include "processor/formats/format_kind.h"
#include "processor/formats/protobuf_format.h"

namespace tlscope {

/// One entry of a stream, as it is handed to outputs. Borrowed.
struct CollectedEntry {
  std::uint64_t sequence;
  std::string_view bytes;     ///< of the LogEntry as it came
  const BusPayload* payload;  ///< null: of no kind that is known here
};

/// Formats entries and stores them in batches, each stream's only once. One thread.
class CollectorOutput {
 public:
  /// Several entries are stored as one until there are so many bytes or entries.
  static constexpr std::size_t kBatchBytes = std::size_t{1} << 20;
  static constexpr std::size_t kBatchEntries = std::size_t{1} << 16;

  struct Stats {
    std::uint64_t entries = 0;  ///< stored, that the format shows
    std::uint64_t bytes = 0;    ///< of these
  };

  /// `positions`: of what `storage` holds. ProtobufFormat is given entries as they came.
  CollectorOutput(std::shared_ptr<Format> format, FormatKind kind, std::unique_ptr<Storage> storage,
                  StreamPositions positions);

  /// The stream goes on after `sequence`, unless this output knows better.
  void Begin(const AgentIdentity& agent, std::uint64_t sequence);

  /// The latest entry that was taken; nothing for a stream that is not known.
  std::optional<std::uint64_t> TakenOf(std::uint64_t stream) const { return taken_.Of(stream); }
  std::uint64_t StoredOf(std::uint64_t stream) const { return stored_.Of(stream).value_or(0); }

  /// Takes an entry, unless it has it already. `agent` is shared until it is stored.
  void Append(const std::shared_ptr<const AgentIdentity>& agent, const CollectedEntry& entry);

  /// Stores what was appended, as far as that can be done now.
  StoreOutcome Commit();

  /// Entries, of those appended, that a Commit has stored and that were not asked for yet.
  std::size_t TakeStored();

  bool full() const { return pending_.size() >= kBatchBytes || marks_.size() >= kBatchEntries; }
  FormatKind kind() const { return kind_; }
  std::string name() const { return storage_->name(); }
  const Stats& stats() const { return stats_; }
  /// Nothing more is appended; what was not stored is forgotten.
  void Close();

 private:
  /// Where in pending_ an entry ends, and what is known once it is stored.
  struct Mark {
    std::size_t end;
    std::shared_ptr<const AgentIdentity> agent;  // null: this output had it already
    std::uint64_t sequence;
  };
  /// Entries that are stored as one.
  struct Portion {
    std::size_t end;  // of marks_
    bool written = false;
  };

  std::size_t EndOf(std::size_t marks) const { return marks == 0 ? 0 : marks_[marks - 1].end; }
  bool ChoosePortion();
  StoreOutcome CommitPortion();

  std::shared_ptr<Format> format_;
  const FormatKind kind_;
  const ProtobufFormat* const protobuf_;  // format_ or null
  std::unique_ptr<Storage> storage_;
  StreamPositions taken_;
  StreamPositions stored_;
  std::string pending_;
  std::vector<Mark> marks_;
  std::size_t done_ = 0;  // of marks_
  std::optional<Portion> portion_;
  std::size_t untaken_ = 0;
  Stats stats_;
};

}  // namespace tlscope
