// SPDX-License-Identifier: Apache-2.0
#include "processor/sinks/files/rotating_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <mutex>
#include <utility>

namespace tlscope {
namespace {

namespace chrono = std::chrono;

constexpr mode_t kPrivateMode = 0600;

// A rotation that failed is not tried at every block.
constexpr chrono::seconds kRotationRetry{1};

/// Leaves out the first `bytes` bytes of `parts`.
std::span<iovec> Skip(std::span<iovec> parts, std::size_t bytes) {
  while (!parts.empty() && bytes >= parts.front().iov_len) {
    bytes -= parts.front().iov_len;
    parts = parts.subspan(1);
  }
  if (bytes > 0) {
    parts.front().iov_base = static_cast<char*>(parts.front().iov_base) + bytes;
    parts.front().iov_len -= bytes;
  }
  return parts;
}

}  // namespace

RotatingFile::RotatingFile(OutputFolder& folder, RotatingFileOptions options,
                           std::function<void()> on_ended)
    : folder_(folder), options_(std::move(options)), on_ended_(std::move(on_ended)) {}

Result<void> RotatingFile::Open() {
  const TimePoint now = options_.now();
  {
    const std::lock_guard lock(folder_.mutex);
    if (auto opened = OpenCurrent(now); !opened) return opened;
  }
  if (const int error = WriteFirstBlock(); error != 0) {
    return tl::make_unexpected(WriteError(error));
  }
  return {};
}

bool RotatingFile::Prepare(std::size_t block_bytes) {
  const TimePoint now = options_.now();
  if (fd_ && IsDue(block_bytes, now)) Rotate(now);
  if (torn_) return false;
  if (!fd_) {
    const std::lock_guard lock(folder_.mutex);
    if (auto opened = OpenCurrent(now); !opened) {
      folder_.Report(FileTask::kWrite, opened.error());
      return false;
    }
  }
  const int error = WriteFirstBlock();
  if (error != 0) folder_.Report(FileTask::kWrite, WriteError(error));
  return error == 0;
}

bool RotatingFile::IsDue(std::size_t block_bytes, TimePoint now) const {
  if (now < retry_rotation_ && retry_rotation_ - now <= kRotationRetry) return false;
  if (torn_ || PeriodNumber(options_.rotate_period, now) != period_) return true;
  return options_.rotate_bytes != 0 && has_blocks_ && block_bytes > Room();
}

bool RotatingFile::WouldOpen(std::size_t block_bytes) const {
  return !fd_ || IsDue(block_bytes, options_.now());
}

int RotatingFile::Sync() { return fdatasync(fd_.get()) == 0 ? 0 : errno; }

std::uint64_t RotatingFile::inode() const {
  struct stat status {};
  return fd_ && fstat(fd_.get(), &status) == 0 ? status.st_ino : 0;
}

std::uint64_t RotatingFile::Room() const {
  if (options_.rotate_bytes == 0) return std::numeric_limits<std::uint64_t>::max();
  return options_.rotate_bytes - std::min(options_.rotate_bytes, size_);
}

/// Ends the file and opens the next. Where the ended one cannot get out of the way it is written
/// on.
void RotatingFile::Rotate(TimePoint now) {
  {
    const std::lock_guard lock(folder_.mutex);
    if (folder_.name().At(now) == name_ && CurrentIsOurs()) {
      if (const int error = StampCurrent(now); error != 0) {
        retry_rotation_ = now + kRotationRetry;
        folder_.Report(FileTask::kRotate, FileError(error, "rotate " + folder_.PathOf(name_)));
        return;
      }
    }
    WriteLastBlock();
    fd_ = UniqueFd();
    if (auto opened = OpenCurrent(now); !opened) folder_.Report(FileTask::kWrite, opened.error());
  }
  on_ended_();
}

/// Opens the file of `now`, ending first what an earlier run has left for long.
Result<void> RotatingFile::OpenCurrent(TimePoint now) {
  name_ = folder_.name().At(now);
  folder_.current = name_;
  Result<bool> usable = OpenOnce(now);
  if (usable && !*usable) {
    fd_ = UniqueFd();
    usable = OpenOnce(now);
  }
  if (!usable) {
    fd_ = UniqueFd();
    return tl::make_unexpected(std::move(usable.error()));
  }
  period_ = PeriodNumber(options_.rotate_period, now);
  return {};
}

/// False when the file that was there has just been ended, and the next call will find none.
Result<bool> RotatingFile::OpenOnce(TimePoint now) {
  // O_NONBLOCK: what is no regular file is refused rather than waited for.
  fd_ = UniqueFd(openat(
      folder_.fd(), name_.c_str(),
      O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, kPrivateMode));
  if (!fd_) return tl::make_unexpected(FileError(errno, "open " + folder_.PathOf(name_)));
  struct stat status {};
  if (fstat(fd_.get(), &status) != 0)
    return tl::make_unexpected(FileError(errno, "open " + folder_.PathOf(name_)));
  TLSCOPE_TRY(CheckOpened(status));
  if (status.st_size > 0 && IsStale(status, now)) {
    const int error = StampCurrent(now);
    if (error == 0) return false;
    folder_.Report(FileTask::kRotate, FileError(error, "rotate " + folder_.PathOf(name_)));
  }
  size_ = static_cast<std::uint64_t>(status.st_size);
  has_blocks_ = size_ > 0;
  torn_ = false;
  first_pending_ = IsTorn(status) ? options_.block_end : std::string();
  if (options_.first_block) first_pending_ += options_.first_block();
  return true;
}

/// Refuses to add to what others can read, write or put in our way, and makes it private.
Result<void> RotatingFile::CheckOpened(const struct stat& status) {
  const std::string what = "write to " + folder_.PathOf(name_);
  if (!S_ISREG(status.st_mode)) {
    return Fail(Errc::kUsage, 0, what,
                "it is no regular file: name one, or redirect standard output to it");
  }
  if (status.st_uid != geteuid() || status.st_nlink > 1) {
    return Fail(Errc::kPrivilege, 0, what,
                "it belongs to another user or has another name too: name a new file");
  }
  if (!LockForWriting(fd_.get())) {
    return Fail(Errc::kUsage, 0, what, "another output or process writes it: name another file");
  }
  if ((status.st_mode & 07777) != kPrivateMode && fchmod(fd_.get(), kPrivateMode) != 0) {
    return tl::make_unexpected(FileError(errno, "make private " + folder_.PathOf(name_)));
  }
  return {};
}

bool RotatingFile::IsStale(const struct stat& status, TimePoint now) const {
  if (options_.begin_anew) return true;
  const auto bytes = static_cast<std::uint64_t>(status.st_size);
  if (options_.rotate_bytes != 0 && bytes >= options_.rotate_bytes) return true;
  return PeriodNumber(options_.rotate_period, ModifiedAt(status)) !=
         PeriodNumber(options_.rotate_period, now);
}

/// True when the file does not end as a block does: its writer was killed.
bool RotatingFile::IsTorn(const struct stat& status) const {
  const std::string& end = options_.block_end;
  if (end.empty() || status.st_size == 0) return false;
  if (status.st_size < static_cast<off_t>(end.size())) return true;
  std::string last(end.size(), '\0');
  const ssize_t got =
      pread(fd_.get(), last.data(), last.size(), status.st_size - static_cast<off_t>(end.size()));
  return got != static_cast<ssize_t>(end.size()) || last != end;
}

/// Gives the file written now the name of an ended one. 0 or an errno.
int RotatingFile::StampCurrent(TimePoint now) {
  // Later than the last one even when the clock was set back, so that the names are in order.
  TimePoint stamp = std::max(now, last_stamp_ + chrono::milliseconds{1});
  const int error = folder_.RenameStamped(name_, stamp);
  if (error == 0) last_stamp_ = stamp;
  return error;
}

/// False when somebody else has moved or removed the file: then there is nothing to rename.
bool RotatingFile::CurrentIsOurs() const {
  struct stat opened {};
  struct stat named {};
  return fstat(fd_.get(), &opened) == 0 &&
         fstatat(folder_.fd(), name_.c_str(), &named, AT_SYMLINK_NOFOLLOW) == 0 &&
         opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

RotatingFile::Outcome RotatingFile::Write(std::span<iovec> parts) {
  std::size_t total = 0;
  while (!parts.empty()) {
    const ssize_t written = writev(fd_.get(), parts.data(), static_cast<int>(parts.size()));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return {total, errno};
    const auto bytes = static_cast<std::size_t>(written);
    if (bytes == 0) return {total, EIO};
    total += bytes;
    size_ += bytes;
    has_blocks_ = true;
    parts = Skip(parts, bytes);
  }
  return {total, 0};
}

void RotatingFile::TakeBack(std::size_t bytes) {
  if (bytes == 0) return;
  size_ -= std::min<std::uint64_t>(size_, bytes);
  struct stat status {};
  const auto back = static_cast<off_t>(bytes);
  if (fstat(fd_.get(), &status) == 0 && status.st_size >= back &&
      ftruncate(fd_.get(), status.st_size - back) == 0) {
    return;
  }
  torn_ = true;
  folder_.Report(FileTask::kWrite, WriteError(errno));
}

bool RotatingFile::Mend() {
  if (torn_) torn_ = ftruncate(fd_.get(), static_cast<off_t>(size_)) != 0;
  return !torn_;
}

/// Writes `block` or nothing of it. 0 or an errno.
int RotatingFile::WriteWhole(std::string block) {
  if (block.empty()) return 0;
  iovec part{block.data(), block.size()};
  const bool had_blocks = has_blocks_;
  const Outcome outcome = Write({&part, 1});
  has_blocks_ = had_blocks;
  if (outcome.error_number != 0) TakeBack(outcome.bytes);
  return outcome.error_number;
}

int RotatingFile::WriteFirstBlock() {
  const int error = WriteWhole(first_pending_);
  if (error == 0) first_pending_.clear();
  return error;
}

void RotatingFile::WriteLastBlock() {
  // A file that has not got its first block has nothing to end.
  if (!fd_ || torn_ || !first_pending_.empty() || !options_.last_block) return;
  const int error = WriteWhole(options_.last_block());
  if (error != 0) folder_.Report(FileTask::kWrite, WriteError(error));
}

void RotatingFile::Close() {
  WriteLastBlock();
  fd_ = UniqueFd();
}

Error RotatingFile::WriteError(int error_number) const {
  return FileError(error_number, "write to " + folder_.PathOf(name_));
}

}  // namespace tlscope
