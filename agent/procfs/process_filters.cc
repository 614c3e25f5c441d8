// SPDX-License-Identifier: Apache-2.0
#include "agent/procfs/process_filters.h"

#include <linux/magic.h>
#include <mntent.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string_view>
#include <system_error>

#include "agent/procfs/process_maps.h"

namespace tlscope {
namespace {

struct CloseMounts {
  void operator()(std::FILE* mounts) const noexcept { endmntent(mounts); }
};

std::vector<std::string> CgroupMounts() {
  std::vector<std::string> found;
  const std::unique_ptr<std::FILE, CloseMounts> mounts(setmntent("/proc/self/mounts", "re"));
  if (!mounts) return found;
  char buffer[4096];
  mntent entry{};
  while (getmntent_r(mounts.get(), &entry, buffer, sizeof buffer) != nullptr) {
    if (std::string_view(entry.mnt_type) == "cgroup2") found.emplace_back(entry.mnt_dir);
  }
  return found;
}

std::optional<std::uint64_t> InodeOfCgroup(const std::string& directory) {
  struct statfs system {};
  struct stat status {};
  if (statfs(directory.c_str(), &system) != 0 || stat(directory.c_str(), &status) != 0)
    return std::nullopt;
  if (system.f_type != CGROUP2_SUPER_MAGIC || !S_ISDIR(status.st_mode)) return std::nullopt;
  return status.st_ino;
}

std::optional<std::uint32_t> Number(std::string_view text) {
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::multimap<std::uint32_t, std::uint32_t> ChildrenByParent() {
  std::multimap<std::uint32_t, std::uint32_t> children;
  for (const std::uint32_t pid : Processes()) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
    // Through the stream, not its buffer, which throws for a process that ends meanwhile (ESRCH).
    std::array<char, 1024> stat{};
    file.read(stat.data(), stat.size());
    children.emplace(ParentIn(std::string(stat.data(), static_cast<std::size_t>(file.gcount()))),
                     pid);
  }
  return children;
}

}  // namespace

Result<std::uint64_t> CgroupId(const std::string& path) {
  if (const auto id = InodeOfCgroup(path)) return *id;
  for (const std::filesystem::path mount : CgroupMounts()) {
    if (const auto id = InodeOfCgroup(mount / std::filesystem::path(path).relative_path()))
      return *id;
  }
  return Fail(Errc::kUsage, 0, "watch control group " + path,
              "name a directory of cgroup v2, as in /sys/fs/cgroup/system.slice/nginx.service; "
              "/proc/PID/cgroup has that of a process");
}

std::uint32_t ParentIn(const std::string& stat) {
  // pid (comm) state ppid
  const std::size_t comm_end = stat.rfind(')');
  if (comm_end == std::string::npos || stat.size() < comm_end + 5) return 0;
  const std::string_view rest = std::string_view(stat).substr(comm_end + 4);
  return Number(rest.substr(0, rest.find(' '))).value_or(0);
}

std::vector<std::uint32_t> DescendantsOf(const std::vector<std::uint32_t>& pids) {
  if (pids.empty()) return {};
  const auto children = ChildrenByParent();
  std::set<std::uint32_t> seen(pids.begin(), pids.end());
  std::vector<std::uint32_t> found = pids;
  for (std::size_t next = 0; next < found.size(); ++next) {
    const auto [begin, end] = children.equal_range(found[next]);
    for (auto child = begin; child != end; ++child) {
      if (seen.insert(child->second).second) found.push_back(child->second);
    }
  }
  found.erase(found.begin(), found.begin() + static_cast<std::ptrdiff_t>(pids.size()));
  return found;
}

}  // namespace tlscope
