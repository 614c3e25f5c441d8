// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <string>

#include "agent/procfs/process_maps.h"

namespace tlscope::testing {

/// Above the largest pid there can be (proc(5), pid_max): its files are opened as this process sees
/// them.
inline constexpr std::uint32_t kNoProcess = (1U << 22) + 1;

/// What is reported when process `pid` maps the file at `path`, which outlives the mapping.
inline Mapping MappingOf(const std::string& path, std::uint32_t pid = kNoProcess) {
  struct stat status {};
  Mapping mapping;
  mapping.pid = pid;
  mapping.path = path;
  if (stat(path.c_str(), &status) == 0) mapping.file = {8, 1, status.st_ino};
  return mapping;
}

}  // namespace tlscope::testing
