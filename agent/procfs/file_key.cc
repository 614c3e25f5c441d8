// SPDX-License-Identifier: Apache-2.0
#include "agent/procfs/file_key.h"

#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

namespace tlscope {

std::optional<FileKey> FileKeyOf(int fd) {
  struct stat status {};
  struct statfs system {};
  if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  FileKey key{status.st_dev, status.st_ino, status.st_size,
              status.st_mtim.tv_sec * 1'000'000'000 + status.st_mtim.tv_nsec};
  // Containers made from one image see one inode, each on a device of its own. (That two files of
  // two images agree in all the rest does not happen; if it did, one would go unwatched.)
  if (fstatfs(fd, &system) == 0 && system.f_type == OVERLAYFS_SUPER_MAGIC) key.device = 0;
  return key;
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
