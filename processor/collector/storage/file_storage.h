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

/// Files that only their owner can read, each beside the last rotated as FileSink has them. What
/// was kept is kept whenever the process is killed: a state file `.<pattern>.state` in their folder
/// says up to which byte that is, and what follows is cut off when the storage is opened again.
/// What others have written, after a run that ended by itself or to another file of that name, is
/// left.
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
  Result<void> CutOff(const v1::CollectorState::File& file, bool begun);
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
