// SPDX-License-Identifier: Apache-2.0
#include "processor/ipc/agent_socket.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "processor/text/instance_name.h"

namespace tlscope {
namespace {

constexpr const char* kSocketName = "control.sock";
constexpr const char* kLockName = "lock";

// The path of a socket ends with a NUL inside sun_path (unix(7)).
constexpr std::size_t kMaxPathBytes = sizeof(sockaddr_un::sun_path) - 1;

constexpr mode_t kOthersWrite = 0022;

using Options = ListeningSocket::Options;

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

sockaddr_un AddressOf(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

Result<UniqueFd> MakeSocket() {
  UniqueFd made(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!made) return Fail(Errc::kSystem, errno, "make a Unix domain socket");
  return made;
}

/// Removes the socket that an agent left behind when it was killed.
Result<void> RemoveStale(int folder, const std::string& path, const std::string& name) {
  struct stat is {};
  if (fstatat(folder, kSocketName, &is, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) return {};
    return Fail(Errc::kSystem, errno, "look at " + path);
  }
  if (!S_ISSOCK(is.st_mode))
    return Fail(Errc::kSystem, 0, "listen on " + path + ": it is no socket", "remove it");
  Result<UniqueFd> probe = MakeSocket();
  if (!probe) return tl::make_unexpected(probe.error());
  const sockaddr_un address = AddressOf(path);
  const int connected =
      connect(probe->get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  // Whoever listens does so without the lock, which is not how an agent of this kind does it.
  if (connected == 0 || errno != ECONNREFUSED) return InUse(path, name, {});
  if (unlinkat(folder, kSocketName, 0) != 0)
    return Fail(Errc::kSystem, errno, "remove the stale socket " + path);
  return {};
}

Result<UniqueFd> Listen(int folder, const std::string& path, const Options& options) {
  Result<UniqueFd> made = MakeSocket();
  if (!made) return made;
  // What the file is made with; the umask, which belongs to all threads, takes from it at most.
  if (fchmod(made->get(), 0600) != 0)
    return Fail(Errc::kSystem, errno, "set the permissions of a socket");
  const sockaddr_un address = AddressOf(path);
  if (bind(made->get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return Fail(Errc::kSystem, errno, "make the socket " + path);
  if (options.group &&
      fchownat(folder, kSocketName, static_cast<uid_t>(-1), options.group->id, 0) != 0) {
    return Fail(Errc::kPrivilege, errno,
                "give " + path + " to the group '" + options.group->name + "'",
                "be root or a member of the group");
  }
  if (fchmodat(folder, kSocketName, SocketMode(options), 0) != 0)
    return Fail(Errc::kSystem, errno, "set the permissions of " + path);
  if (listen(made->get(), SOMAXCONN) != 0) return Fail(Errc::kSystem, errno, "listen on " + path);
  return made;
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
  if (path.find('\0') != std::string::npos || path.size() > kMaxPathBytes) {
    return Fail(Errc::kUsage, 0,
                "use the socket " + path + ": its path has " + std::to_string(path.size()) +
                    " bytes, and at most " + std::to_string(kMaxPathBytes) + " fit",
                "name a shorter folder with --runtime-dir");
  }
  return path;
}

Result<ListeningSocket> ListeningSocket::Open(const Options& options) {
  Result<std::string> path = SocketPath(options.instance);
  if (!path) return tl::make_unexpected(path.error());
  const std::string runtime_dir = WithoutLastSlash(options.instance.runtime_dir);
  const std::string& name = options.instance.name;
  const std::string folder_path = runtime_dir + '/' + name;

  const Result<UniqueFd> parent = OpenFolder(AT_FDCWD, runtime_dir, 0755, 0, runtime_dir);
  if (!parent) return tl::make_unexpected(parent.error());
  if (auto trusted = CheckRuntimeDir(parent->get(), runtime_dir); !trusted)
    return tl::make_unexpected(trusted.error());
  ListeningSocket listening;
  Result<UniqueFd> folder = OpenFolder(parent->get(), name, 0700, O_NOFOLLOW, folder_path);
  if (!folder) return tl::make_unexpected(folder.error());
  if (auto claimed = ClaimFolder(folder->get(), folder_path, options); !claimed)
    return tl::make_unexpected(claimed.error());
  Result<UniqueFd> lock = TakeLock(folder->get(), *path, name);
  if (!lock) return tl::make_unexpected(lock.error());
  if (auto removed = RemoveStale(folder->get(), *path, name); !removed)
    return tl::make_unexpected(removed.error());
  Result<UniqueFd> made = Listen(folder->get(), *path, options);
  if (!made) return tl::make_unexpected(made.error());
  struct stat is {};
  if (fstatat(folder->get(), kSocketName, &is, AT_SYMLINK_NOFOLLOW) != 0)
    return Fail(Errc::kSystem, errno, "look at " + *path);

  listening.path_ = std::move(*path);
  listening.folder_ = std::move(*folder);
  listening.lock_ = std::move(*lock);
  listening.socket_ = std::move(*made);
  listening.device_ = is.st_dev;
  listening.inode_ = is.st_ino;
  return listening;
}

void ListeningSocket::Remove() {
  if (!folder_) return;
  struct stat is {};
  const bool ours = fstatat(folder_.get(), kSocketName, &is, AT_SYMLINK_NOFOLLOW) == 0 &&
                    is.st_dev == device_ && is.st_ino == inode_;
  if (ours) unlinkat(folder_.get(), kSocketName, 0);
  folder_ = {};
  socket_ = {};
  lock_ = {};
}

ListeningSocket::~ListeningSocket() { Remove(); }

}  // namespace tlscope
