// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <tuple>

#include "agent/procfs/process_maps.h"

namespace tlscope {

/// The same for one file whatever it is called, and not for what it is overwritten with.
struct FileKey {
  dev_t device = 0;  ///< 0 on overlayfs
  ino_t inode = 0;
  std::int64_t size = 0;
  std::int64_t mtime_ns = 0;
  bool operator==(const FileKey&) const = default;
  bool operator<(const FileKey& other) const {
    return std::tie(device, inode, size, mtime_ns) <
           std::tie(other.device, other.inode, other.size, other.mtime_ns);
  }
};

/// Of the regular file behind a descriptor, O_PATH will do; nullopt when it is none.
std::optional<FileKey> FileKeyOf(int fd);

/// A path by which a descriptor's file can be opened or probed, wherever it is.
std::string DescriptorPath(int fd);

/// What to call a mapped file: its path, if that leads to it from here, too.
std::string NameOf(int fd, const Mapping& mapping);

}  // namespace tlscope
