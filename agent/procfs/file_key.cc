// SPDX-License-Identifier: Apache-2.0
#include "agent/procfs/file_key.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "processor/base/unique_fd.h"

namespace tlscope {
namespace {

std::int64_t Nanoseconds(const timespec& time) {
  return time.tv_sec * 1'000'000'000 + time.tv_nsec;
}

}  // namespace

std::optional<FileIdentity> IdentityOf(int fd) {
  struct stat status {};
  struct statfs system {};
  if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  FileKey key{status.st_dev, status.st_ino, status.st_size, Nanoseconds(status.st_mtim),
              Nanoseconds(status.st_ctim)};
  // Containers made from one image see one inode, each on a device of its own. (That two files of
  // two images agree in all the rest does not happen; if it did, one would go unwatched.)
  if (fstatfs(fd, &system) == 0 && system.f_type == OVERLAYFS_SUPER_MAGIC) key.device = 0;
  return FileIdentity{{status.st_dev, status.st_ino}, key};
}

std::optional<FileKey> FileKeyOf(int fd) {
  const auto identity = IdentityOf(fd);
  return identity ? std::optional(identity->key) : std::nullopt;
}

std::uint64_t MountOf(int fd) {
  struct statx status {};
  if (statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &status) != 0) return 0;
  return (status.stx_mask & STATX_MNT_ID) != 0 ? status.stx_mnt_id : 0;
}

MountIds OwnMounts() {
  MountIds mounts;
  const auto add = [&](const std::string& path) {
    const UniqueFd file(open(path.c_str(), O_PATH | O_CLOEXEC));
    if (file) mounts.insert(MountOf(file.get()));
  };
  add("/");
  ForEachMapping(static_cast<std::uint32_t>(getpid()),
                 [&](const Mapping& mapping) { add(std::string(mapping.path)); });
  return mounts;
}

std::string DescriptorPath(int fd) { return "/proc/self/fd/" + std::to_string(fd); }

std::string NameOf(int fd, const Mapping& mapping) {
  std::string name(mapping.path);
  struct stat file {};
  struct stat here {};
  if (fstat(fd, &file) != 0) return name;
  if (file.st_nlink == 0) return name + " (deleted)";
  if (stat(name.c_str(), &here) == 0 && here.st_dev == file.st_dev && here.st_ino == file.st_ino)
    return name;
  return name + " (as process " + std::to_string(mapping.pid) + " sees it)";
}

}  // namespace tlscope
