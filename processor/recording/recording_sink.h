// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "processor/base/result.h"
#include "processor/events/decoder.h"
#include "processor/recording/recording_info.h"
#include "processor/recording/recording_writer.h"
#include "processor/recording/zstd_frames.h"
#include "processor/sinks/fd_writer.h"
#include "processor/sinks/sink_account.h"

namespace tlscope {

/// How a RecordingSink queues and gives up.
struct RecordingSinkOptions {
  /// For errors.
  std::string name = "standard output";
  /// As zstd frames of about slice_bytes of entries each.
  bool zstd = false;
  /// The descriptor is of a file of this sink alone, from its beginning: what could not be written
  /// whole is cut off again.
  bool own_file = false;
  /// Encoded entries that wait to be written; those being written may be as many again.
  std::size_t queue_bytes = 32U << 20;
  /// Written, and lost, at once.
  std::size_t slice_bytes = 1U << 20;
  /// How long the first entry waits for others.
  std::chrono::milliseconds linger{50};
  /// How long Close waits for a reader that does not read.
  std::chrono::milliseconds drain_deadline{2000};
  /// Called on the writer thread, at most once per kind: `over` false, something could not be
  /// written (disk full, I/O error) and what comes later is tried; `over` true, nothing more can
  /// be written and everything is refused from here on. Must not call Close.
  std::function<void(const Error& error, bool over)> on_failure = {};
};

/// Events, and the bytes of plaintext in them.
struct RecordedCount {
  std::uint64_t entries = 0;
  std::uint64_t bytes = 0;

  void Add(const RecordedCount& more) {
    entries += more.entries;
    bytes += more.bytes;
  }
  bool operator==(const RecordedCount&) const = default;
};

/// What became of the events pushed into a RecordingSink. At any time:
///   pushed == recorded + dropped_full + dropped_failed + dropped_closed + queued.
struct RecordingStats {
  RecordedCount pushed;
  RecordedCount recorded;
  RecordedCount dropped_full;       ///< refused: they came faster than they could be written
  RecordedCount dropped_failed;     ///< taken, then lost to a failed write or at Close
  RecordedCount dropped_closed;     ///< refused: the output is broken or closed
  RecordedCount queued;             ///< waiting, or being written now
  std::uint64_t written_bytes = 0;  ///< of the recording, as it is written

  RecordedCount dropped() const {
    RecordedCount sum = dropped_full;
    sum.Add(dropped_failed);
    sum.Add(dropped_closed);
    return sum;
  }
};

/// Writes a recording to a file or pipe from a thread of its own, through a bounded queue. Where
/// events are missing in it, it says so.
class RecordingSink {
 public:
  /// `fd` is borrowed and stays open until Close has returned.
  static Result<std::unique_ptr<RecordingSink>> Open(int fd, const RecordingInfo& info,
                                                     RecordingSinkOptions options = {});
  ~RecordingSink();
  RecordingSink(const RecordingSink&) = delete;
  RecordingSink& operator=(const RecordingSink&) = delete;

  /// Takes an event, borrowed for the call. Never waits for the writer; false when it was not
  /// taken, which is counted. One thread.
  bool Push(const Record& event);

  /// Writes what was taken, and the end of the recording: of `totals` what the recorder cannot
  /// know, which is all but what was recorded and dropped. Later events are refused. Once; without
  /// it the recording has no end.
  void Close(const RecordingTotals& totals);

  /// Any thread.
  RecordingStats stats() const;

 private:
  /// Entries that are written, or lost, together.
  struct Slice {
    std::size_t end = 0;  // in Queue::bytes
    RecordedCount held;
    RecordedCount told;  // by marks of losses in it
  };
  struct Queue {
    std::string bytes;
    std::vector<Slice> slices;
  };

  RecordingSink(FdWriter writer, int fd, const RecordingInfo& info, RecordingSinkOptions options);
  void Append(std::string_view entry, const RecordedCount& held, const RecordedCount& told);
  void Shut(std::optional<RecordingTotals> totals);

  // On the writer thread.
  void Run();
  bool AwaitEntries();
  void WriteSlice(std::string_view entries, const Slice& slice);
  void WriteEnd();
  int Write(std::string_view entries);
  int WriteAll(std::string_view bytes);
  void OnError(int error_number);
  bool PastDeadline() const;

  const RecordingSinkOptions options_;
  const int fd_;
  RecordingWriter encoder_;  // of the thread that pushes

  // The writer thread's own.
  FdWriter writer_;
  std::optional<ZstdFrames> frames_;
  Queue taken_;
  std::string prefix_;            // of the next write: the header, as long as it is not written
  RecordedCount untold_;          // lost by the writer since it last said so
  std::uint64_t file_bytes_ = 0;  // written whole
  bool reported_ = false;

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable wake_;
  Queue queue_;
  SinkAccount account_;              // a block is an event, its bytes are those of its plaintext
  std::uint64_t written_bytes_ = 0;  // of the recording
  std::optional<RecordingTotals> totals_;
  bool closing_ = false;
  bool broken_ = false;
  std::chrono::steady_clock::time_point drain_until_;

  std::jthread thread_;  // last: joined before anything it uses goes
};

}  // namespace tlscope
