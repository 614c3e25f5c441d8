// SPDX-License-Identifier: Apache-2.0
#include "processor/recording/recording_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "processor/sinks/files/output_folder.h"

namespace tlscope {
namespace {

constexpr mode_t kPrivateMode = 0600;

Result<void> Remove(const std::string& path) {
  struct stat status {};
  if (lstat(path.c_str(), &status) != 0) return {};  // what is wrong, the next step tells
  if (!S_ISREG(status.st_mode))
    return Fail(Errc::kUsage, 0, "record to " + path,
                "it is there and no regular file: name another, or write to a pipe with -");
  if (unlink(path.c_str()) == 0 || errno == ENOENT) return {};
  return tl::make_unexpected(FileError(errno, "replace " + path));
}

}  // namespace

Result<UniqueFd> MakeRecordingFile(const std::string& path, bool replace) {
  if (replace) {
    TLSCOPE_TRY(Remove(path));
  }
  UniqueFd fd(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY,
                   kPrivateMode));
  if (fd) return fd;
  const int error = errno;
  if (error == EEXIST)
    return Fail(Errc::kUsage, error, "record to " + path,
                "name another file, or replace this one with --force");
  if (error == ENOENT)
    return Fail(Errc::kNotFound, error, "record to " + path, "its folder is to be there");
  return tl::make_unexpected(FileError(error, "record to " + path));
}

}  // namespace tlscope
