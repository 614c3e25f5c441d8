// SPDX-License-Identifier: Apache-2.0
#include "processor/sinks/files/output_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

namespace tlscope {
namespace {

// Names with this many milliseconds added are tried.
constexpr int kStampTries = 1000;

}  // namespace

Result<std::unique_ptr<OutputFolder>> OutputFolder::Open(
    FileName name, std::function<void(const Error&)> on_failure) {
  UniqueFd fd(open(name.folder().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!fd) {
    const int error = errno;
    const std::string what = "open the folder " + name.folder();
    if (error == ENOENT) {
      return Fail(Errc::kNotFound, error, what, "create it: mkdir -p '" + name.folder() + "'");
    }
    return tl::make_unexpected(FileError(error, what));
  }
  return std::unique_ptr<OutputFolder>(
      new OutputFolder(std::move(name), std::move(fd), std::move(on_failure)));
}

std::string OutputFolder::PathOf(const std::string& file) const {
  const std::string& folder = name_.folder();
  if (folder == ".") return file;
  return folder.ends_with('/') ? folder + file : folder + '/' + file;
}

int OutputFolder::Rename(const std::string& from, const std::string& to) const {
  if (renameat2(fd(), from.c_str(), fd(), to.c_str(), RENAME_NOREPLACE) == 0) return 0;
  if (errno != EINVAL && errno != ENOSYS) return errno;
  // rename(2): some file systems (NFS) know no flags. A link does not replace either.
  if (linkat(fd(), from.c_str(), fd(), to.c_str(), 0) != 0) return errno;
  return unlinkat(fd(), from.c_str(), 0) == 0 ? 0 : errno;
}

int OutputFolder::RenameStamped(const std::string& file, FileName::TimePoint& stamp) const {
  for (int tries = 0; tries < kStampTries; ++tries, stamp += std::chrono::milliseconds{1}) {
    // A compressed file has its stamp too.
    const std::string name = name_.Rotated(file, stamp);
    const std::string compressed = name + std::string(FileName::kGzip);
    if (faccessat(fd(), compressed.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0) continue;
    const int error = Rename(file, name);
    if (error != EEXIST) return error;
  }
  return EEXIST;
}

void OutputFolder::Report(FileTask task, const Error& error) {
  const unsigned bit = 1U << static_cast<unsigned>(task);
  if ((reported_.fetch_or(bit) & bit) == 0 && on_failure_) on_failure_(error);
}

bool LockForWriting(int fd) { return flock(fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK; }

bool IsBeingWritten(int fd) {
  if (flock(fd, LOCK_SH | LOCK_NB) != 0) return errno == EWOULDBLOCK;
  flock(fd, LOCK_UN);
  return false;
}

std::chrono::system_clock::time_point ModifiedAt(const struct stat& status) {
  const std::chrono::nanoseconds since_epoch = std::chrono::seconds{status.st_mtim.tv_sec} +
                                               std::chrono::nanoseconds{status.st_mtim.tv_nsec};
  return std::chrono::system_clock::time_point(
      std::chrono::duration_cast<std::chrono::system_clock::duration>(since_epoch));
}

Error FileError(int error_number, std::string what) {
  const auto fail = [&](Errc code, std::string remedy) {
    return Error{code, error_number, std::move(what), std::move(remedy)};
  };
  switch (error_number) {
    case EACCES:
    case EPERM:
      return fail(Errc::kPrivilege, "let user " + std::to_string(geteuid()) +
                                        " write there, or name a file in another folder");
    case ELOOP:
      return fail(Errc::kSystem, "symbolic links are not followed: name the file it points to");
    case EISDIR:
      return fail(Errc::kUsage, "it is a folder: name a file in it");
    case EROFS:
      return fail(Errc::kSystem, "the file system is read-only: name a file on another one");
    case ENOTDIR:
      return fail(Errc::kUsage, "a part of the path is a file: name a folder");
    case ENOSPC:
    case EDQUOT:
      return fail(Errc::kSystem, "make room: what does not fit is dropped");
    case EFBIG:
      return fail(Errc::kSystem, "raise the file size limit, or rotate by size");
    case EMFILE:
    case ENFILE:
      return fail(Errc::kSystem, "raise the limit of open files");
    case EIO:
      return fail(Errc::kSystem, "see the kernel's log for what the disk said");
    default:
      return fail(Errc::kSystem, {});
  }
}

}  // namespace tlscope
