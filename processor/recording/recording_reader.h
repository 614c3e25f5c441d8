// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "processor/base/result.h"
#include "processor/events/decoder.h"
#include "processor/recording/byte_source.h"
#include "processor/recording/recording_info.h"
#include "processor/wire/delimited.h"

namespace tlscope {

namespace v1 {
class RecordingEntry;
}

/// What a RecordingReader has come upon.
struct RecordingReadStats {
  std::uint64_t events = 0;
  std::uint64_t data_bytes = 0;       ///< of plaintext in them
  std::uint64_t dropped_entries = 0;  ///< that the marks of losses tell of
  std::uint64_t dropped_bytes = 0;
  std::uint64_t unknown_entries = 0;  ///< of a newer tlscope
};

/// Reads a recording, trusting no byte of it, in memory that does not depend on its length. One
/// thread.
class RecordingReader {
 public:
  enum class Status : std::uint8_t {
    kEvent,        ///< one was handed out; ask again
    kEnd,          ///< that was all, and it was whole
    kDamaged,      ///< that was all that could be read: see damage()
    kInterrupted,  ///< the source was told to stop
  };

  /// Reads the header. `source` is borrowed and outlives the reader. kInvalidRecord: it is none of
  /// a recording, or a damaged one, or one that this tlscope does not know.
  static Result<std::unique_ptr<RecordingReader>> Open(ByteSource& source);
  ~RecordingReader();
  RecordingReader(const RecordingReader&) = delete;
  RecordingReader& operator=(const RecordingReader&) = delete;

  const RecordingInfo& info() const { return info_; }

  /// The event's `data` is borrowed until the next call. After anything but kEvent it stays so.
  Status Next(Record& event);

  /// What is wrong with the recording, and where, for people; empty while nothing is. Bytes are
  /// counted in what was recorded: after decompression.
  const std::string& damage() const { return damage_; }

  /// What the recording says at its end; nothing before it, or without one.
  const std::optional<RecordingTotals>& totals() const { return totals_; }

  const RecordingReadStats& stats() const { return stats_; }

 private:
  explicit RecordingReader(ByteSource& source);
  Result<void> ReadFirst();
  Result<bool> Fill();
  std::string_view WrongChecksum(std::string_view bytes) const;
  bool ReadEntry(std::string_view bytes, Record& event);
  bool TakeEvent(Record& event);
  Status AtSourceEnd();
  Status OnFailure(const Error& error);
  void Corrupt(std::string_view why);
  Status Damaged(std::string what);

  ByteSource& source_;
  DelimitedReader delimited_;
  std::unique_ptr<v1::RecordingEntry> entry_;  // of which the latest event borrows
  RecordingInfo info_;
  bool checked_ = false;  // the header has a checksum: so has every entry
  RecordingReadStats stats_;
  std::optional<RecordingTotals> totals_;
  std::string damage_;
  std::uint64_t fed_bytes_ = 0;
  std::uint64_t entry_at_ = 0;  // where the entry begins that is read now
  std::optional<Status> over_;
};

}  // namespace tlscope
