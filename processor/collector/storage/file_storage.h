// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "processor/collector/storage/state_file.h"
#include "processor/collector/storage/storage.h"
#include "processor/sinks/files/rotate_period.h"
#include "processor/sinks/files/rotated_files.h"
#include "processor/sinks/files/rotating_file.h"

namespace tlscope {

struct FileStorageOptions {
  /// As those of FileSinkOptions. `first_block` is called whenever a file is begun.
  std::string pattern = {};
  std::uint64_t rotate_bytes = 0;
  RotatePeriod rotate_period = RotatePeriod::kNever;
  bool gzip = false;
  std::size_t keep = 0;
  std::function<std::string()> first_block = {};
  std::string block_end = {};
  /// A file that no collector has written is ended instead of written on.
  bool begin_anew = false;
  /// Told of each kind of failure, once; also on a thread of the storage's own. Must not call back.
  std::function<void(const Error&)> on_failure = {};
  std::function<std::chrono::system_clock::time_point()> now = std::chrono::system_clock::now;
};

/// Files that only their owner can read, one after the other, which are ended, named and compressed
/// as those of FileSink.
///
/// What was kept is kept whenever the process is killed. A state file `.<pattern>.state` in their
/// folder (StateFile: always whole) names the file that is written and its kept bytes, and the one
/// that is about to be opened. These steps follow each other; the process may be killed after each,
/// and this is what the next start finds and does:
///  1. The file to be opened is announced in the state: its inode, none when it is not there, and
///     its bytes. Found as it was: nothing is cut off.
///  2. If the file written has that name, it is renamed to that of an ended one. Nothing is there
///     under the announced name: nothing is cut off.
///  3. The announced file is made, or opened to be written on; its first block and others follow.
///     Found with an inode that was not announced: it was begun after step 1 and is emptied. Found
///     longer than announced: it is cut back to that.
///  4. Keep writes the state: the file, all its bytes, none announced. Found as long as it says:
///     nothing is cut off.
///  5. More blocks are written. Found longer than was kept: the file is cut back, and agents send
///     again what they were not acknowledged.
///  6. Close marks the file as ended in the state, when all of it is kept. Whatever follows its end
///     is of somebody else and is left.
/// A file whose inode is not the one of the state, in steps 4 to 6, is of somebody else, too.
class FileStorage final : public Storage {
 public:
  /// `positions` becomes what the last Keep of an earlier run was given. Fails as FileSink does.
  static Result<std::unique_ptr<FileStorage>> Open(FileStorageOptions options,
                                                   StreamPositions& positions);
  ~FileStorage() override;

  std::string name() const override { return options_.pattern; }
  std::optional<std::uint64_t> Prepare(std::size_t block_bytes) override;
  StoreOutcome Write(std::string_view bytes) override;
  StoreOutcome Keep(const StreamPositions& positions) override;
  void Close() override;

 private:
  FileStorage(FileStorageOptions options, std::unique_ptr<OutputFolder> folder, StateFile state);

  Result<void> Recover(StreamPositions& positions);
  /// Which of the two files of the state.
  enum class Role : std::uint8_t {
    kWritten,    ///< steps 4 to 6: the one that is written
    kAnnounced,  ///< steps 1 to 3: the one that was about to be opened
  };
  Result<void> CutOff(const v1::CollectorState::File& file, Role role);
  bool IsOurs(const std::string& name) const;
  void MakeFiles();
  Result<void> Begin();
  int AnnounceNext();
  int WriteState();
  Error StateError(int error_number) const;

  const FileStorageOptions options_;
  std::unique_ptr<OutputFolder> folder_;
  StateFile state_file_;
  v1::CollectorState state_;                        // as it was last written, or is to be
  std::chrono::system_clock::time_point now_ = {};  // of this step: one for all that it does
  bool dirty_ = false;                              // written to since the last Sync
  std::unique_ptr<RotatedFiles> rotated_;
  std::unique_ptr<RotatingFile> file_;
};

}  // namespace tlscope
