// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <tuple>

#include "agent/procfs/process_maps.h"

namespace tlscope {

/// The same for one file whatever it is called, and not for what it is overwritten with: the time
/// of change (ctime) is the one that nobody can set back.
struct FileKey {
  dev_t device = 0;  ///< 0 on overlayfs
  ino_t inode = 0;
  std::int64_t size = 0;
  std::int64_t mtime_ns = 0;
  std::int64_t ctime_ns = 0;
  bool operator==(const FileKey&) const = default;
  bool operator<(const FileKey& other) const {
    return std::tie(device, inode, size, mtime_ns, ctime_ns) <
           std::tie(other.device, other.inode, other.size, other.mtime_ns, other.ctime_ns);
  }
};

/// Of the regular file behind a descriptor, O_PATH will do; nullopt when it is none.
std::optional<FileKey> FileKeyOf(int fd);

/// The same for one file whatever is written to it. On overlayfs each mount has one of its own.
struct InodeId {
  dev_t device = 0;
  ino_t inode = 0;
  bool operator==(const InodeId&) const = default;
  bool operator<(const InodeId& other) const {
    return std::tie(device, inode) < std::tie(other.device, other.inode);
  }
};

struct FileIdentity {
  InodeId inode;
  FileKey key;
};

/// As FileKeyOf.
std::optional<FileIdentity> IdentityOf(int fd);

/// Numbers of mounts (statx(2), stx_mnt_id). A mount is kept from being unmounted by every open
/// file on it.
using MountIds = std::set<std::uint64_t>;

/// The mount through which a descriptor was opened; 0 when the kernel does not tell.
std::uint64_t MountOf(int fd);

/// Those that this process keeps mounted by running: of its root, its program and its libraries.
MountIds OwnMounts();

/// A path by which a descriptor's file can be opened or probed, wherever it is.
std::string DescriptorPath(int fd);

/// What to call a mapped file: its path, if that leads to it from here, too.
std::string NameOf(int fd, const Mapping& mapping);

}  // namespace tlscope
