// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "processor/sinks/files/output_folder.h"

namespace tlscope {

/// Compresses the ended files of an output and removes the oldest, on a thread of its own. It goes
/// by what is in the folder, so that what an earlier run has left undone is done too.
///
/// A file NAME is compressed in four steps. Whenever the process is killed, one whole form of it is
/// there, and the next run goes on:
///  1. NAME.gz.tmp is made and written. Killed during it: nobody has NAME.gz.tmp locked, it is
///     removed, and NAME is compressed from its beginning.
///  2. NAME.gz.tmp is whole, as old as NAME, and on the disk. Killed after it: the same.
///  3. NAME.gz.tmp is renamed to NAME.gz. Killed after it: NAME and NAME.gz are of one age, which
///     means that they hold the same: NAME is removed.
///  4. NAME is removed.
/// Where there is a NAME.gz of another age, a name has come again (%H): NAME is given the name of
/// one ended at its time instead of step 3, and compressed under that.
class RotatedFiles {
 public:
  struct Options {
    bool gzip = false;
    std::size_t keep = 0;  ///< ended files to keep; 0: all
  };

  /// `folder` is borrowed, and its `current` is set. Throws std::system_error when no thread can be
  /// started; none is when there is nothing to do.
  RotatedFiles(OutputFolder& folder, Options options);
  ~RotatedFiles() { Close(std::chrono::milliseconds{0}); }
  RotatedFiles(const RotatedFiles&) = delete;
  RotatedFiles& operator=(const RotatedFiles&) = delete;

  /// Has the folder looked at soon. Any thread; does not wait.
  void Tend();
  /// Waits until all that Tend was called for is done, or Close is called.
  void Await();
  /// Ends the thread, which may finish what it does for `patience`; what it does not finish is left
  /// to the next run, which is reported. Not from several threads at once.
  void Close(std::chrono::milliseconds patience);

 private:
  struct File {
    std::string name;
    FileName::Kind kind;
    std::chrono::system_clock::time_point modified;
  };

  void Run();
  void TendOnce();
  std::vector<File> List() const;
  void RemoveOldest(const std::vector<File>& files);
  void ReportLeft(const std::vector<File>& files) const;
  bool CompressOne(const std::vector<File>& files, std::set<std::string>& tried);
  void Compress(const File& file);
  int CompressTo(const std::string& half, const File& file, int from);
  int Replace(const File& file, const std::string& half, int from);
  int MoveAside(const File& file) const;
  int Remove(const std::string& name);
  bool MustStop() const;

  OutputFolder& folder_;
  const Options options_;
  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable wake_;
  std::condition_variable idle_;
  bool pending_ = true;
  bool busy_ = false;
  bool closing_ = false;
  std::chrono::steady_clock::time_point stop_at_;
  std::jthread thread_;  // last: joined before anything it uses goes
};

}  // namespace tlscope
