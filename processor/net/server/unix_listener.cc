// SPDX-License-Identifier: Apache-2.0
#include "processor/net/server/unix_listener.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace tlscope {
namespace {

/// How the *at functions find the socket's file.
struct File {
  int folder;
  const char* name;
};

File FileOf(const UniqueFd& folder, const std::string& path) {
  if (!folder) return {AT_FDCWD, path.c_str()};
  return {folder.get(), path.c_str() + path.rfind('/') + 1};
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

Result<void> RemoveStale(const File& file, const std::string& path) {
  struct stat is {};
  if (fstatat(file.folder, file.name, &is, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) return {};
    return Fail(Errc::kSystem, errno, "look at " + path);
  }
  if (!S_ISSOCK(is.st_mode)) {
    return Fail(Errc::kUsage, 0, "listen on " + path + ": it is no socket",
                "name another path, or remove it");
  }
  TLSCOPE_TRY(const UniqueFd probe, MakeSocket());
  const sockaddr_un address = AddressOf(path);
  const int connected =
      connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  if (connected == 0 || errno != ECONNREFUSED) {
    return Fail(Errc::kSystem, EADDRINUSE, "listen on " + path,
                "end what listens there, or name another path");
  }
  if (unlinkat(file.folder, file.name, 0) != 0)
    return Fail(Errc::kSystem, errno, "remove the stale socket " + path);
  return {};
}

Result<void> Bind(int socket, const std::string& path) {
  // What the file is made with; the umask, which belongs to all threads, takes from it at most.
  if (fchmod(socket, 0600) != 0)
    return Fail(Errc::kSystem, errno, "set the permissions of a socket");
  const sockaddr_un address = AddressOf(path);
  if (bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return {};
  const int error = errno;
  return Fail(error == EACCES ? Errc::kPrivilege : Errc::kSystem, error, "listen on " + path,
              error == ENOENT ? "make the folder it is in" : "name a folder you may write to");
}

Result<void> SetAccess(const File& file, const std::string& path, mode_t mode,
                       std::optional<gid_t> group) {
  if (group && fchownat(file.folder, file.name, static_cast<uid_t>(-1), *group, 0) != 0) {
    return Fail(Errc::kPrivilege, errno,
                "give " + path + " to the group with the id " + std::to_string(*group),
                "be root or a member of the group");
  }
  if (fchmodat(file.folder, file.name, mode, 0) != 0)
    return Fail(Errc::kSystem, errno, "set the permissions of " + path);
  return {};
}

}  // namespace

Result<UnixListener> UnixListener::Open(UnixListenerOptions options) {
  UnixListener listener;
  listener.path_ = std::move(options.path);
  listener.folder_ = std::move(options.folder);
  const std::string& path = listener.path_;
  const File file = FileOf(listener.folder_, path);
  TLSCOPE_TRY(RemoveStale(file, path));
  TLSCOPE_TRY(UniqueFd made, MakeSocket());
  TLSCOPE_TRY(Bind(made.get(), path));
  struct stat is {};
  if (fstatat(file.folder, file.name, &is, AT_SYMLINK_NOFOLLOW) != 0)
    return Fail(Errc::kSystem, errno, "look at " + path);
  // With these the listener removes the file, whatever fails from here on.
  listener.socket_ = std::move(made);
  listener.device_ = is.st_dev;
  listener.inode_ = is.st_ino;
  TLSCOPE_TRY(SetAccess(file, path, options.mode, options.group));
  if (listen(listener.fd(), SOMAXCONN) != 0) return Fail(Errc::kSystem, errno, "listen on " + path);
  return listener;
}

void UnixListener::Remove() {
  if (!socket_) return;
  const File file = FileOf(folder_, path_);
  struct stat is {};
  const bool ours = fstatat(file.folder, file.name, &is, AT_SYMLINK_NOFOLLOW) == 0 &&
                    is.st_dev == device_ && is.st_ino == inode_;
  if (ours) unlinkat(file.folder, file.name, 0);
  folder_ = {};
  socket_ = {};
}

}  // namespace tlscope
