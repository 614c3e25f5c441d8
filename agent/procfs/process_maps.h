// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

namespace tlscope {

/// A file as the kernel names it beside a mapping. On some file systems (overlayfs, btrfs) stat(2)
/// gives other numbers for the same file.
struct MappedFileId {
  std::uint32_t major = 0;
  std::uint32_t minor = 0;
  std::uint64_t inode = 0;
  bool operator==(const MappedFileId&) const = default;
  bool operator<(const MappedFileId& other) const {
    return std::tie(major, minor, inode) < std::tie(other.major, other.minor, other.inode);
  }
};

/// A file that a process maps as code.
struct Mapping {
  std::uint32_t pid = 0;
  std::uint64_t start = 0;
  std::uint64_t end = 0;
  MappedFileId file;
  std::string_view path;         ///< as the process sees it, without " (deleted)"
  bool deleted = false;          ///< not told by a MappingWatcher
  std::uint64_t generation = 0;  ///< of the inode; 0: not told
};

/// Reads a line of /proc/PID/maps (proc(5)); nullopt when it maps no file as code. The path is the
/// line's.
std::optional<Mapping> ParseMapsLine(std::uint32_t pid, std::string_view line);

/// Every file that process `pid` maps as code; none when it is gone or may not be looked into.
void ForEachMapping(std::uint32_t pid, const std::function<void(const Mapping&)>& on_mapping);

/// The processes there are.
std::vector<std::uint32_t> Processes();

/// What the kernel calls process `pid`; empty when it is gone.
std::string CommOf(std::uint32_t pid);

/// A descriptor (O_PATH) of the very file that is mapped, also of one that was deleted or lies in
/// another mount namespace; -1 when it cannot be had, mostly because the process is gone.
int OpenMappedFile(const Mapping& mapping);

}  // namespace tlscope
