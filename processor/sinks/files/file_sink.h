// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "processor/base/result.h"
#include "processor/sinks/block_queue.h"
#include "processor/sinks/files/rotate_period.h"
#include "processor/sinks/sink.h"

namespace tlscope {

class OutputFolder;
class RotatedFiles;
class RotatingFile;

/// Which files a FileSink writes, when it begins another one and what becomes of those before.
struct FileSinkOptions {
  /// A path; see FileName for the times that its last part may hold, and for the names of ended
  /// files. The name is made when a file is opened: a pattern alone ends none.
  std::string pattern;
  /// A file is ended before a block that would make it larger than this, which does not count the
  /// last block; a larger block has a file to itself. 0: never by size.
  std::uint64_t rotate_bytes = 0;
  /// A file is ended before the first block of another period: none is made for a period without
  /// blocks.
  RotatePeriod rotate_period = RotatePeriod::kNever;
  /// Compress ended files, on a thread of its own. Those that an earlier run left are, too.
  bool gzip = false;
  /// Ended files to keep, the newest by the time of their last change; 0: all. Older ones are
  /// removed when their names are such as this output gives and they belong to this user.
  std::size_t keep = 0;

  /// A file of an earlier run is ended instead of written on: for formats that do not survive a
  /// torn block in their middle.
  bool begin_anew = false;

  /// Make what each file begins and ends with, none of which counts in SinkStats. Called by Open
  /// and on the writer thread. A file of an earlier run that is written on gets both once more.
  std::function<std::string()> first_block = {};
  std::function<std::string()> last_block = {};
  /// What every block ends with. A file of an earlier run that does not end so was torn when that
  /// run was killed, and gets this before anything else. Empty: it is not looked at.
  std::string block_end = "\n";

  /// Its drain_deadline is how long Close goes on writing, and compressing what is ended.
  BlockQueueOptions queue = {};
  /// Called on one of the sink's threads at the first failure to write (a full disk: blocks are
  /// dropped until there is room), to begin another file (the old one is written on), to compress
  /// and to remove: four times at most. Must not call the sink.
  std::function<void(const Error& error)> on_failure = {};
  std::function<std::chrono::system_clock::time_point()> now = std::chrono::system_clock::now;
};

/// Appends blocks to files that only their owner can read (mode 0600), from a thread of its own
/// through a bounded queue. A block is never torn nor split over two files: what a full disk cuts
/// off is taken back. A file is written by one sink at a time, of whatever process.
class FileSink final : public Sink {
 public:
  /// Fails when the pattern makes no sense (kUsage), its folder is not there (kNotFound), the file
  /// may not be written (kPrivilege) or is not one to be added to: a symbolic link, no regular
  /// file, another user's, one with several names, one that another sink writes.
  static Result<std::unique_ptr<FileSink>> Open(const FileSinkOptions& options);
  ~FileSink() override;
  FileSink(const FileSink&) = delete;
  FileSink& operator=(const FileSink&) = delete;

  /// A block larger than the whole queue is taken when the queue is empty.
  [[nodiscard]] bool Push(std::string block) override;
  void Flush() override;
  /// Not from several threads at once.
  void Close() override;
  SinkStats stats() const override;

 private:
  FileSink(const FileSinkOptions& options, std::unique_ptr<OutputFolder> folder);

  // On the writer thread.
  void Run();
  void WriteBatch(BlockBatch& batch);
  void WriteSome(BlockBatch& batch);

  const std::chrono::milliseconds drain_deadline_;
  std::unique_ptr<OutputFolder> folder_;
  std::unique_ptr<RotatedFiles> rotated_;  // from Open on
  std::unique_ptr<RotatingFile> file_;
  BlockQueue queue_;
  std::jthread thread_;  // last: it is joined before anything it uses goes
};

}  // namespace tlscope
