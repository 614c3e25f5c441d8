// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/stat.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "processor/base/result.h"
#include "processor/base/unique_fd.h"
#include "processor/sinks/files/file_name.h"

namespace tlscope {

/// What an output does with files, as far as its failures are told apart.
enum class FileTask : std::uint8_t { kWrite, kRotate, kCompress, kRemove };

/// The folder that the files of one output are in: shared by the thread that writes the newest and
/// the one that tidies up the others.
class OutputFolder {
 public:
  /// `on_failure` is told of each FileTask's first failure, on the thread that failed. Fails when
  /// the folder is not there or not to be opened.
  static Result<std::unique_ptr<OutputFolder>> Open(FileName name,
                                                    std::function<void(const Error&)> on_failure);

  const FileName& name() const { return name_; }
  int fd() const { return fd_.get(); }
  std::string PathOf(const std::string& file) const;

  /// Renames, but never onto a file that is there: EEXIST. 0 or an errno.
  int Rename(const std::string& from, const std::string& to) const;
  /// Gives `file` the name of one ended at `stamp`, or where that is taken in the milliseconds
  /// after it, to which `stamp` is then set. 0 or an errno. Needs mutex.
  int RenameStamped(const std::string& file, FileName::TimePoint& stamp) const;
  /// Tells of `error` unless one of its `task` has been told of.
  void Report(FileTask task, const Error& error);

  /// Held while the file written now becomes another one, and while others are renamed or removed.
  std::mutex mutex;
  std::string current;  ///< the file written now; guarded by mutex

 private:
  OutputFolder(FileName name, UniqueFd fd, std::function<void(const Error&)> on_failure)
      : name_(std::move(name)), fd_(std::move(fd)), on_failure_(std::move(on_failure)) {}

  const FileName name_;
  const UniqueFd fd_;
  const std::function<void(const Error&)> on_failure_;
  std::atomic<unsigned> reported_ = 0;  // a bit per FileTask
};

/// Locks the open file for this output, until it is closed; false when another one writes it. True
/// where the file system knows no locks.
bool LockForWriting(int fd);

/// True while some output has the open file locked for writing.
bool IsBeingWritten(int fd);

/// When the file was last changed.
std::chrono::system_clock::time_point ModifiedAt(const struct stat& status);

/// That `what` could not be done with a file or folder, and what helps.
Error FileError(int error_number, std::string what);

}  // namespace tlscope
