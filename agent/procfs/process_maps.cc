// SPDX-License-Identifier: Apache-2.0
#include "agent/procfs/process_maps.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "processor/base/unique_fd.h"

namespace tlscope {
namespace {

// Takes a number and the character after it off the front of `text`.
template <class Number>
bool TakeNumber(std::string_view& text, int base, char delimiter, Number& number) {
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, number, base);
  if (parsed.ec != std::errc() || parsed.ptr == end || *parsed.ptr != delimiter) return false;
  text.remove_prefix(static_cast<std::size_t>(parsed.ptr - text.data()) + 1);
  return true;
}

std::string Hex(std::uint64_t number) {
  std::array<char, 16> text;
  const auto end = std::to_chars(text.data(), text.data() + text.size(), number, 16).ptr;
  return {text.data(), end};
}

// Whether the file at `fd` may be the mapped one, for a path that need not lead to it any more.
bool MayBe(int fd, const Mapping& mapping) {
  struct stat status {};
  return fstat(fd, &status) == 0 && status.st_ino == mapping.file.inode;
}

}  // namespace

std::optional<Mapping> ParseMapsLine(std::uint32_t pid, std::string_view line) {
  // 55d0c0a00000-55d0c0a2f000 r-xp 00002000 fe:01 1234567    /usr/lib/libssl.so.3 (deleted)
  Mapping mapping;
  mapping.pid = pid;
  std::uint64_t offset = 0;
  if (!TakeNumber(line, 16, '-', mapping.start) || !TakeNumber(line, 16, ' ', mapping.end))
    return std::nullopt;
  if (line.size() < 5 || line[2] != 'x') return std::nullopt;
  line.remove_prefix(5);
  if (!TakeNumber(line, 16, ' ', offset) || !TakeNumber(line, 16, ':', mapping.file.major) ||
      !TakeNumber(line, 16, ' ', mapping.file.minor) ||
      !TakeNumber(line, 10, ' ', mapping.file.inode))
    return std::nullopt;
  const std::size_t path = line.find_first_not_of(' ');
  if (path == std::string_view::npos || line[path] != '/') return std::nullopt;
  mapping.path = line.substr(path);
  constexpr std::string_view kDeleted = " (deleted)";
  if (mapping.path.ends_with(kDeleted)) {
    mapping.deleted = true;
    mapping.path.remove_suffix(kDeleted.size());
  }
  return mapping;
}

void ForEachMapping(std::uint32_t pid, const std::function<void(const Mapping&)>& on_mapping) {
  std::ifstream maps("/proc/" + std::to_string(pid) + "/maps");
  for (std::string line; std::getline(maps, line);) {
    if (const auto mapping = ParseMapsLine(pid, line)) on_mapping(*mapping);
  }
}

std::vector<std::uint32_t> Processes() {
  std::vector<std::uint32_t> pids;
  std::error_code error;  // a host without /proc has no processes to show
  for (std::filesystem::directory_iterator entry("/proc", error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string() + '\n';
    std::string_view text = name;
    std::uint32_t pid = 0;
    if (TakeNumber(text, 10, '\n', pid)) pids.push_back(pid);
  }
  return pids;
}

std::string CommOf(std::uint32_t pid) {
  std::string comm;
  std::getline(std::ifstream("/proc/" + std::to_string(pid) + "/comm"), comm);
  return comm;
}

int OpenMappedFile(const Mapping& mapping) {
  const std::string process = "/proc/" + std::to_string(mapping.pid);
  // The link leads to the file itself, wherever it is. It takes CAP_SYS_ADMIN or
  // CAP_CHECKPOINT_RESTORE to follow (proc(5)); without, names have to do.
  const std::string link = process + "/map_files/" + Hex(mapping.start) + '-' + Hex(mapping.end);
  const int linked = open(link.c_str(), O_PATH | O_CLOEXEC);
  if (linked >= 0) return linked;
  if (mapping.deleted) return -1;
  // Through the process's own root, so that containers are seen as they see themselves; then as
  // this process sees it, for one that is gone.
  for (const std::string& path :
       {process + "/root" + std::string(mapping.path), std::string(mapping.path)}) {
    UniqueFd file(open(path.c_str(), O_PATH | O_CLOEXEC));
    if (file && MayBe(file.get(), mapping)) return file.Release();
  }
  return -1;
}

}  // namespace tlscope
