// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/stat.h>
#include <sys/uio.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "processor/base/result.h"
#include "processor/base/unique_fd.h"
#include "processor/sinks/files/output_folder.h"
#include "processor/sinks/files/rotate_period.h"

namespace tlscope {

/// When a RotatingFile ends a file, and what it writes around the blocks.
struct RotatingFileOptions {
  std::uint64_t rotate_bytes = 0;  ///< 0: never by size
  RotatePeriod rotate_period = RotatePeriod::kNever;
  bool begin_anew = false;                   ///< end what an earlier run has left
  std::function<std::string()> first_block;  ///< may be empty
  std::function<std::string()> last_block;   ///< may be empty
  std::string block_end;
  std::function<std::chrono::system_clock::time_point()> now;
};

/// The file that an output writes now: whole blocks are appended to it, and another follows when
/// size or time has ended it. One thread at a time.
class RotatingFile {
 public:
  /// `folder` is borrowed. `on_ended` is called after a file was ended, and must not call back.
  RotatingFile(OutputFolder& folder, RotatingFileOptions options, std::function<void()> on_ended);

  /// Opens the file of now, or creates it. Before any other call.
  Result<void> Open();

  /// Makes the file ready for a block of `block_bytes`: ends the one before when it is due, tries
  /// again what failed. False when there is no file to write to; the folder has been told why.
  bool Prepare(std::size_t block_bytes);
  /// Bytes to write before the next Prepare. A block larger than that goes alone.
  std::uint64_t Room() const;

  /// Up to which byte it was written, and the errno that ended it, 0 for none.
  struct Outcome {
    std::size_t bytes;
    int error_number;
  };
  /// Appends `parts` (1..IOV_MAX, not empty), which it changes.
  Outcome Write(std::span<iovec> parts);
  /// Takes the last `bytes` bytes back: they are the beginning of a block whose rest cannot follow.
  void TakeBack(std::size_t bytes);
  /// Tries again what TakeBack could not do. False when it still cannot be done.
  bool Mend();

  /// Whether Prepare(block_bytes) would open a file, now.
  bool WouldOpen(std::size_t block_bytes) const;
  /// Returns once what was written is on the disk. 0 or an errno.
  int Sync();

  /// Of the file written now; the inode is 0 when there is none.
  const std::string& name() const { return name_; }
  std::uint64_t size() const { return size_; }
  std::uint64_t inode() const;

  /// Writes the last block and closes the file. Nothing may follow.
  void Close();

  /// "write to /var/log/tlscope/events.jsonl" as failed by `error_number`.
  Error WriteError(int error_number) const;

 private:
  using TimePoint = std::chrono::system_clock::time_point;

  bool IsDue(std::size_t block_bytes, TimePoint now) const;
  void Rotate(TimePoint now);
  Result<void> OpenCurrent(TimePoint now);
  Result<bool> OpenOnce(TimePoint now);
  Result<void> CheckOpened(const struct stat& status);
  bool IsStale(const struct stat& status, TimePoint now) const;
  bool IsTorn(const struct stat& status) const;
  int StampCurrent(TimePoint now);
  bool CurrentIsOurs() const;
  int WriteFirstBlock();
  int WriteWhole(std::string block);
  void WriteLastBlock();

  OutputFolder& folder_;
  const RotatingFileOptions options_;
  const std::function<void()> on_ended_;
  UniqueFd fd_;                // -1: could not be opened
  std::string name_;           // of fd_, or of what is to be opened
  std::string first_pending_;  // to be written before any block
  std::uint64_t size_ = 0;
  bool has_blocks_ = false;
  bool torn_ = false;  // ends in the middle of a block, for ever
  std::int64_t period_ = 0;
  TimePoint last_stamp_;
  TimePoint retry_rotation_;  // not before
};

}  // namespace tlscope
