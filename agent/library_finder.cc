// SPDX-License-Identifier: Apache-2.0
#include "agent/library_finder.h"

#include <glob.h>
#include <unistd.h>

#include <charconv>
#include <filesystem>
#include <fstream>
#include <optional>
#include <system_error>

namespace tlscope {
namespace {

std::optional<std::uint32_t> ParsePid(std::string_view name) {
  std::uint32_t pid = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), pid);
  if (error != std::errc() || end != name.data() + name.size()) return std::nullopt;
  return pid;
}

// A line of /proc/PID/maps (proc(5)): address perms offset dev inode, blanks, path. A deleted
// file's path ends in " (deleted)".
struct Mapping {
  std::string_view range;
  std::string_view path;
  bool deleted = false;
};

std::optional<Mapping> ParseMapping(std::string_view line) {
  const std::size_t slash = line.find('/');
  const std::size_t range_end = line.find(' ');
  if (slash == std::string_view::npos || range_end == std::string_view::npos) return std::nullopt;
  if (line.size() < range_end + 4 || line[range_end + 3] != 'x') return std::nullopt;
  Mapping mapping{line.substr(0, range_end), line.substr(slash)};
  constexpr std::string_view kDeleted = " (deleted)";
  if (mapping.path.ends_with(kDeleted)) {
    mapping.deleted = true;
    mapping.path.remove_suffix(kDeleted.size());
  }
  return mapping;
}

void AddMappedLibraries(std::uint32_t pid, std::vector<std::string>& found) {
  const std::string process = "/proc/" + std::to_string(pid);
  std::ifstream maps(process + "/maps");
  for (std::string line; std::getline(maps, line);) {
    const auto mapping = ParseMapping(line);
    if (!mapping || !LooksLikeLibssl(mapping->path)) continue;
    if (mapping->deleted) {
      found.push_back(process + "/map_files/" + std::string(mapping->range));
      continue;
    }
    for (std::string& path : PathsToMappedFile(pid, mapping->path)) {
      if (access(path.c_str(), R_OK) != 0) continue;
      found.push_back(std::move(path));
      break;
    }
  }
}

// Where a libssl lies before anybody maps it, so that the first process to do so is not missed.
constexpr const char* kSystemPatterns[] = {
    "/usr/lib/*/libssl.so*",       "/usr/lib/libssl.so*",       "/usr/lib64/libssl.so*",
    "/lib/*/libssl.so*",           "/usr/local/lib/libssl.so*", "/usr/local/lib64/libssl.so*",
    "/usr/local/*/lib/libssl.so*",
};

void AddSystemLibraries(std::vector<std::string>& found) {
  for (const char* pattern : kSystemPatterns) {
    glob_t matches{};
    // NOLINTNEXTLINE(concurrency-mt-unsafe): only its tilde expansion is, and there is no tilde.
    if (glob(pattern, 0, nullptr, &matches) == 0) {
      for (std::size_t i = 0; i < matches.gl_pathc; ++i) {
        std::error_code error;  // a dangling link is no library
        const auto real = std::filesystem::canonical(matches.gl_pathv[i], error);
        if (!error) found.push_back(real.string());
      }
    }
    globfree(&matches);
  }
}

}  // namespace

bool LooksLikeLibssl(std::string_view path) {
  const std::string_view name = path.substr(path.rfind('/') + 1);
  return name.starts_with("libssl") && name.find(".so") != std::string_view::npos;
}

std::vector<std::string> PathsToMappedFile(std::uint32_t pid, std::string_view path) {
  return {"/proc/" + std::to_string(pid) + "/root" + std::string(path), std::string(path)};
}

std::vector<std::string> FindLibraries() {
  std::vector<std::string> found;
  AddSystemLibraries(found);
  std::error_code error;  // a host without /proc has no processes to show
  for (const auto& entry : std::filesystem::directory_iterator("/proc", error)) {
    if (const auto pid = ParsePid(entry.path().filename().native()))
      AddMappedLibraries(*pid, found);
  }
  return found;
}

}  // namespace tlscope
