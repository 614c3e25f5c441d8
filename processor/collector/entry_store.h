// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "processor/collector/collector_output.h"

namespace tlscope {

/// What became of a stream's entries in this run:
///   received == stored + duplicates + those not stored yet.
struct StreamCounts {
  std::uint64_t received = 0;
  std::uint64_t stored = 0;      ///< in all outputs
  std::uint64_t dropped = 0;     ///< by the agent: missing in the numbers
  std::uint64_t duplicates = 0;  ///< all outputs had them already

  StreamCounts& operator+=(const StreamCounts& other) {
    received += other.received;
    stored += other.stored;
    dropped += other.dropped;
    duplicates += other.duplicates;
    return *this;
  }
  bool operator==(const StreamCounts&) const = default;
};

/// A stream that some agent sends.
struct CollectedStream {
  std::shared_ptr<const AgentIdentity> agent;
  std::optional<std::uint64_t> taken = {};  ///< the latest entry that any output has taken
  std::uint64_t stored = 0;                 ///< the latest that all have stored; 0: none
  StreamCounts counts = {};
};

/// The outputs of a collector, all of which get every entry. One thread.
class EntryStore {
 public:
  /// Streams whose counts are told one by one; those of older ones are told as one.
  static constexpr std::size_t kStreams = StreamPositions::kMost;

  explicit EntryStore(std::vector<std::unique_ptr<CollectorOutput>> outputs);

  /// A stream whose next entry has this number, or 0 where that is not known. One that is held is
  /// not forgotten.
  std::shared_ptr<CollectedStream> Begin(const AgentIdentity& agent, std::uint64_t next_sequence);

  /// Takes an entry, whose sequence is not 0. Not while it is full.
  void Add(const std::shared_ptr<CollectedStream>& stream, const CollectedEntry& entry);

  /// Commit before more is added.
  bool full() const;
  /// There is something to commit.
  bool pending() const { return !entries_.empty(); }

  /// Stores what was added. An output that is closed gets nothing more, and what was added is
  /// stored once the others have it; kClosed when it is the last one.
  StoreOutcome Commit();

  void Close();

  /// Whether some output has no use for a stream without plaintext as it passed.
  bool WantsPlaintext() const;

  const std::vector<std::unique_ptr<CollectorOutput>>& outputs() const { return outputs_; }
  /// Those that were closed before the others.
  const std::vector<std::unique_ptr<CollectorOutput>>& closed_outputs() const { return closed_; }
  /// Streams of this run, the older ones first; then what became of those forgotten.
  std::vector<std::shared_ptr<const CollectedStream>> streams() const;
  const StreamCounts& forgotten() const { return forgotten_; }

 private:
  using Streams = std::list<std::shared_ptr<CollectedStream>>;

  void Forget();
  void LetGo(std::size_t output);
  void CountStored();

  struct Entry {
    std::shared_ptr<CollectedStream> stream;
    std::uint64_t sequence;
  };

  std::vector<std::unique_ptr<CollectorOutput>> outputs_;
  std::vector<std::unique_ptr<CollectorOutput>> closed_;
  std::vector<std::size_t> stored_;  // of entries_, by output of outputs_
  std::deque<Entry> entries_;        // added, and not stored by all outputs
  Streams streams_;
  std::unordered_map<std::uint64_t, Streams::iterator> by_id_;
  StreamCounts forgotten_;
  bool stuck_ = false;
};

}  // namespace tlscope
