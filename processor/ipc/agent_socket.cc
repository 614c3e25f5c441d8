// SPDX-License-Identifier: Apache-2.0
#include "processor/ipc/agent_socket.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "processor/text/instance_name.h"

namespace tlscope {
namespace {

constexpr const char* kSocketName = "control.sock";
constexpr const char* kLockName = "lock";

constexpr mode_t kOthersWrite = 0022;

using Options = AgentSocket::Options;

mode_t FolderMode(const Options& options) {
  if (options.is_public) return 0755;
  return options.group ? 0750 : 0700;
}

mode_t SocketMode(const Options& options) {
  if (options.is_public) return 0666;
  return options.group ? 0660 : 0600;
}

/// Opens a folder, which is made when it is not there. `name` is within `parent`, `flags` is more
/// for open(2).
Result<UniqueFd> OpenFolder(int parent, const std::string& name, mode_t mode, int flags,
                            const std::string& path) {
  const bool made = mkdirat(parent, name.c_str(), mode) == 0;
  if (!made && errno != EEXIST) {
    const int error = errno;
    return Fail(error == EACCES || error == EPERM ? Errc::kPrivilege : Errc::kSystem, error,
                "make the folder " + path,
                error == ENOENT ? "make the folder it is in, or name another with --runtime-dir"
                                : "name a folder of your own with --runtime-dir");
  }
  UniqueFd folder(openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | flags));
  // The umask took from what mkdir(2) was asked for.
  if (folder && (!made || fchmod(folder.get(), mode) == 0)) return folder;
  const int error = errno;
  return Fail(error == EACCES ? Errc::kPrivilege : Errc::kSystem, error, "open the folder " + path,
              "name a folder of your own with --runtime-dir");
}

/// Sockets of instances are in folders of their own, so that in a sticky folder such as /tmp nobody
/// else can replace them.
Result<void> CheckRuntimeDir(int folder, const std::string& path) {
  struct stat is {};
  if (fstat(folder, &is) != 0) return Fail(Errc::kSystem, errno, "look at the folder " + path);
  const bool trusted = is.st_uid == 0 || is.st_uid == geteuid();
  if (trusted && ((is.st_mode & kOthersWrite) == 0 || (is.st_mode & S_ISVTX) != 0)) return {};
  return Fail(Errc::kPrivilege, 0, "trust the folder " + path + ": another user can write to it",
              "name another with --runtime-dir");
}

Result<void> ClaimFolder(int folder, const std::string& path, const Options& options) {
  struct stat is {};
  if (fstat(folder, &is) != 0) return Fail(Errc::kSystem, errno, "look at the folder " + path);
  if (is.st_uid != geteuid()) {
    return Fail(Errc::kPrivilege, 0,
                "trust the folder " + path + ": it belongs to user id " + std::to_string(is.st_uid),
                "remove it, or choose another name with --instance");
  }
  if ((is.st_mode & kOthersWrite) != 0) {
    return Fail(Errc::kPrivilege, 0, "trust the folder " + path + ": another user can write to it",
                "remove it, or choose another name with --instance");
  }
  if (options.group && fchown(folder, static_cast<uid_t>(-1), options.group->id) != 0) {
    return Fail(Errc::kPrivilege, errno,
                "give the folder " + path + " to the group '" + options.group->name + "'",
                "be root or a member of the group");
  }
  if (fchmod(folder, FolderMode(options)) != 0)
    return Fail(Errc::kSystem, errno, "set the permissions of " + path);
  return {};
}

tl::unexpected<Error> InUse(const std::string& path, const std::string& name,
                            const std::string& pid) {
  return Fail(Errc::kSystem, 0,
              "listen on " + path + ": " + std::generic_category().message(EADDRINUSE) +
                  " (instance '" + name + "' is running" + (pid.empty() ? "" : ", pid " + pid) +
                  ")",
              "choose another name with --instance");
}

/// What the holder of a lock wrote into it; nothing but digits.
std::string PidIn(int lock) {
  std::array<char, 16> text{};
  const ssize_t bytes = pread(lock, text.data(), text.size(), 0);
  const std::string_view read(text.data(), static_cast<std::size_t>(std::max<ssize_t>(bytes, 0)));
  return std::string(read.substr(0, read.find_first_not_of("0123456789")));
}

Result<UniqueFd> TakeLock(int folder, const std::string& socket_path, const std::string& name) {
  UniqueFd lock(openat(folder, kLockName, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!lock) return Fail(Errc::kSystem, errno, "open the lock beside " + socket_path);
  if (flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    const int error = errno;
    if (error == EWOULDBLOCK) return InUse(socket_path, name, PidIn(lock.get()));
    return Fail(Errc::kSystem, error, "take the lock beside " + socket_path);
  }
  const std::string pid = std::to_string(getpid()) + '\n';
  if (ftruncate(lock.get(), 0) != 0 ||
      pwrite(lock.get(), pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size()))
    return Fail(Errc::kSystem, errno, "write the lock beside " + socket_path);
  return lock;
}

/// What a listener says of a path, for a user who has chosen an instance instead.
Error ForInstance(Error error, const std::string& path, const std::string& name) {
  // Whoever listens does so without the lock, which is not how an agent of this kind does it.
  if (error.error_number == EADDRINUSE) return InUse(path, name, {}).value();
  if (error.code == Errc::kUsage) {
    error.code = Errc::kSystem;
    error.remedy = "remove it";
  }
  return error;
}

std::string WithoutLastSlash(std::string path) {
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  return path;
}

}  // namespace

Result<std::string> SocketPath(const Instance& instance) {
  if (!IsInstanceName(instance.name)) {
    return Fail(
        Errc::kUsage, 0, "name an instance '" + instance.name + "'",
        "a name has 1 to 64 letters, digits, dots, underscores and dashes, and no dot first");
  }
  if (instance.runtime_dir.empty())
    return Fail(Errc::kUsage, 0, "use an empty name of a folder", "name one with --runtime-dir");
  std::string path =
      WithoutLastSlash(instance.runtime_dir) + '/' + instance.name + '/' + kSocketName;
  if (path.find('\0') != std::string::npos || path.size() > kMaxSocketPathBytes) {
    return Fail(Errc::kUsage, 0,
                "use the socket " + path + ": its path has " + std::to_string(path.size()) +
                    " bytes, and at most " + std::to_string(kMaxSocketPathBytes) + " fit",
                "name a shorter folder with --runtime-dir");
  }
  return path;
}

Result<AgentSocket> AgentSocket::Open(const Options& options) {
  TLSCOPE_TRY(const std::string path, SocketPath(options.instance));
  const std::string runtime_dir = WithoutLastSlash(options.instance.runtime_dir);
  const std::string& name = options.instance.name;
  const std::string folder_path = runtime_dir + '/' + name;

  TLSCOPE_TRY(const UniqueFd parent, OpenFolder(AT_FDCWD, runtime_dir, 0755, 0, runtime_dir));
  TLSCOPE_TRY(CheckRuntimeDir(parent.get(), runtime_dir));
  TLSCOPE_TRY(UniqueFd folder, OpenFolder(parent.get(), name, 0700, O_NOFOLLOW, folder_path));
  TLSCOPE_TRY(ClaimFolder(folder.get(), folder_path, options));
  TLSCOPE_TRY(UniqueFd lock, TakeLock(folder.get(), path, name));
  UnixListenerOptions listening{
      .path = path, .folder = std::move(folder), .mode = SocketMode(options)};
  if (options.group) listening.group = options.group->id;
  auto listener = UnixListener::Open(std::move(listening));
  if (!listener) return tl::make_unexpected(ForInstance(std::move(listener.error()), path, name));
  return AgentSocket(std::move(lock), std::move(*listener));
}

void AgentSocket::Remove() {
  listener_.Remove();
  lock_ = {};
}

}  // namespace tlscope
