// SPDX-License-Identifier: Apache-2.0
#include "processor/sinks/files/rotated_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <optional>
#include <tuple>

#include "processor/base/thread_signals.h"
#include "processor/sinks/files/gzip_file.h"

namespace tlscope {
namespace {

namespace chrono = std::chrono;

struct CloseFolder {
  void operator()(DIR* folder) const noexcept { closedir(folder); }
};

/// The status of a regular file of ours; nothing for any other.
std::optional<struct stat> OwnFile(int folder_fd, const char* name) {
  struct stat status {};
  const bool own = fstatat(folder_fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
                   S_ISREG(status.st_mode) && status.st_uid == geteuid();
  return own ? std::optional(status) : std::nullopt;
}

}  // namespace

RotatedFiles::RotatedFiles(OutputFolder& folder, Options options)
    : folder_(folder), options_(options) {
  if (options_.gzip || options_.keep != 0) thread_ = std::jthread([this] { Run(); });
}

void RotatedFiles::Tend() {
  {
    const std::lock_guard lock(mutex_);
    pending_ = true;
  }
  wake_.notify_one();
}

void RotatedFiles::Await() {
  if (!options_.gzip && options_.keep == 0) return;
  std::unique_lock lock(mutex_);
  idle_.wait(lock, [this] { return closing_ || (!pending_ && !busy_); });
}

void RotatedFiles::Close(chrono::milliseconds patience) {
  {
    const std::lock_guard lock(mutex_);
    if (!closing_) stop_at_ = chrono::steady_clock::now() + patience;
    closing_ = true;
  }
  wake_.notify_one();
  idle_.notify_all();
  if (thread_.joinable()) thread_.join();
}

bool RotatedFiles::MustStop() const {
  const std::lock_guard lock(mutex_);
  return closing_ && chrono::steady_clock::now() >= stop_at_;
}

void RotatedFiles::Run() {
  BlockSignalsOnThisThread();
  while (true) {
    {
      std::unique_lock lock(mutex_);
      busy_ = false;
      if (!pending_) idle_.notify_all();
      wake_.wait(lock, [this] { return pending_ || closing_; });
      if (!pending_) return;
      pending_ = false;
      busy_ = true;
    }
    TendOnce();
  }
}

void RotatedFiles::TendOnce() {
  std::set<std::string> tried;
  std::vector<File> files;
  do {
    files = List();
    RemoveOldest(files);
  } while (options_.gzip && !MustStop() && CompressOne(files, tried));
  if (options_.gzip && MustStop()) ReportLeft(List());
}

void RotatedFiles::ReportLeft(const std::vector<File>& files) const {
  const auto left = std::count_if(files.begin(), files.end(), [](const File& file) {
    return file.kind == FileName::Kind::kPlain || file.kind == FileName::Kind::kStamped;
  });
  if (left == 0) return;
  const std::string what = left == 1 ? "1 ended file" : std::to_string(left) + " ended files";
  folder_.Report(
      FileTask::kCompress,
      {Errc::kSystem, 0, "compress " + what + " in " + folder_.name().folder() + " before the end",
       "the next run with these options does"});
}

/// The output's files other than the one written now, oldest first.
std::vector<RotatedFiles::File> RotatedFiles::List() const {
  std::vector<File> files;
  // A descriptor of its own: reading a folder moves a position that is shared.
  const int fd = openat(folder_.fd(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const std::unique_ptr<DIR, CloseFolder> folder(fd < 0 ? nullptr : fdopendir(fd));
  if (!folder) {
    const int error = errno;
    if (fd >= 0) close(fd);
    folder_.Report(FileTask::kRemove,
                   FileError(error, "read the folder " + folder_.name().folder()));
    return files;
  }
  // NOLINTNEXTLINE(concurrency-mt-unsafe): no other thread reads this stream.
  while (const dirent* entry = readdir(folder.get())) {
    const auto kind = folder_.name().Recognize(entry->d_name);
    if (!kind) continue;
    const auto status = OwnFile(folder_.fd(), entry->d_name);
    if (status) files.push_back({entry->d_name, *kind, ModifiedAt(*status)});
  }
  {
    // At last, and not file by file: the one written now may have changed while the folder was
    // read.
    const std::lock_guard lock(folder_.mutex);
    std::erase_if(files, [this](const File& file) { return file.name == folder_.current; });
  }
  std::sort(files.begin(), files.end(), [](const File& a, const File& b) {
    return std::tie(a.modified, a.name) < std::tie(b.modified, b.name);
  });
  return files;
}

void RotatedFiles::RemoveOldest(const std::vector<File>& files) {
  if (options_.keep == 0) return;
  const auto ended = [](const File& file) { return file.kind != FileName::Kind::kHalfGzip; };
  auto count = static_cast<std::size_t>(std::count_if(files.begin(), files.end(), ended));
  for (auto file = files.begin(); file != files.end() && count > options_.keep; ++file) {
    if (!ended(*file)) continue;
    const int error = Remove(file->name);
    if (error != 0) {
      folder_.Report(FileTask::kRemove, FileError(error, "remove " + folder_.PathOf(file->name)));
    }
    --count;
  }
}

/// Removes a file that is not the one written now. 0 or an errno.
int RotatedFiles::Remove(const std::string& name) {
  const std::lock_guard lock(folder_.mutex);
  if (name == folder_.current || unlinkat(folder_.fd(), name.c_str(), 0) == 0) return 0;
  return errno == ENOENT ? 0 : errno;
}

/// Compresses the oldest file that is there, not compressed and not tried yet; false when none is.
bool RotatedFiles::CompressOne(const std::vector<File>& files, std::set<std::string>& tried) {
  const auto next = std::find_if(files.begin(), files.end(), [&](const File& file) {
    return file.kind != FileName::Kind::kGzip && !tried.contains(file.name);
  });
  if (next == files.end()) return false;
  tried.insert(next->name);
  Compress(*next);
  return true;
}

void RotatedFiles::Compress(const File& file) {
  const UniqueFd from(
      openat(folder_.fd(), file.name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
  const int error = errno;
  if (!from && error == ENOENT) return;  // removed meanwhile
  const auto report = [&](int error_number) {
    folder_.Report(FileTask::kCompress,
                   FileError(error_number, "compress " + folder_.PathOf(file.name)));
  };
  if (!from) return report(error);
  if (IsBeingWritten(from.get())) return;
  if (file.kind == FileName::Kind::kHalfGzip) {
    Remove(file.name);
    return;
  }
  const std::string half = file.name + std::string(FileName::kGzip) + std::string(FileName::kHalf);
  const int failed = CompressTo(half, file, from.get());
  if (failed == 0) return;
  Remove(half);
  if (failed != ECANCELED) report(failed);
}

/// Steps 1 and 2, and those of Replace. 0, ECANCELED or an errno; then `half` is to be removed.
int RotatedFiles::CompressTo(const std::string& half, const File& file, int from) {
  Remove(half);
  const UniqueFd to(openat(folder_.fd(), half.c_str(),
                           O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!to) return errno;
  LockForWriting(to.get());
  if (const int error = GzipFile(from, to.get(), [this] { return MustStop(); }); error != 0) {
    return error;
  }
  // Ages go on to be those of what was written, and tell whose compressed form a file is.
  const chrono::nanoseconds since_epoch = file.modified.time_since_epoch();
  const auto seconds = chrono::floor<chrono::seconds>(since_epoch);
  const timespec modified{seconds.count(), (since_epoch - seconds).count()};
  const std::array<timespec, 2> times{modified, modified};
  if (futimens(to.get(), times.data()) != 0 || fsync(to.get()) != 0) return errno;
  return Replace(file, half, from);
}

/// Steps 3 and 4: puts the whole compressed file in the place of `file`. 0, ECANCELED or an errno.
int RotatedFiles::Replace(const File& file, const std::string& half, int from) {
  const std::string compressed = file.name + std::string(FileName::kGzip);
  const std::lock_guard lock(folder_.mutex);
  // Since then it may have become the file written now, once more.
  struct stat status {};
  if (file.name == folder_.current || IsBeingWritten(from) || fstat(from, &status) != 0 ||
      ModifiedAt(status) != file.modified) {
    return ECANCELED;
  }
  int error = folder_.Rename(half, compressed);
  if (error == EEXIST) {
    const auto other = OwnFile(folder_.fd(), compressed.c_str());
    if (!other || ModifiedAt(*other) != file.modified) return MoveAside(file);
    // An earlier run was killed after step 3.
    unlinkat(folder_.fd(), half.c_str(), 0);
    error = 0;
  }
  if (error == 0 && unlinkat(folder_.fd(), file.name.c_str(), 0) != 0) error = errno;
  return error;
}

/// A name whose times come again (%H) was taken by an earlier file: stamps this one, so that the
/// next look finds it. ECANCELED or an errno.
int RotatedFiles::MoveAside(const File& file) const {
  if (file.kind != FileName::Kind::kPlain) return EEXIST;
  FileName::TimePoint stamp = file.modified;
  const int error = folder_.RenameStamped(file.name, stamp);
  return error == 0 ? ECANCELED : error;
}

}  // namespace tlscope
