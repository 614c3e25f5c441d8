// SPDX-License-Identifier: Apache-2.0
#include "agent/discovery/mapped_files.h"

#include <algorithm>
#include <filesystem>
#include <set>
#include <system_error>
#include <utility>

#include "agent/discovery/process_roster.h"

namespace tlscope {
namespace {

// A file is what it was when it was last looked at for so long.
constexpr auto kTrustedFor = std::chrono::seconds(1);

// Full, it is emptied: to look once more costs little.
constexpr std::size_t kMaxTaken = 16384;
constexpr std::size_t kMaxOpen = 256;  // each holds a descriptor
constexpr std::size_t kMaxUnresolved = 64;

}  // namespace

std::optional<FileIdentity> MappedFiles::Add(const Mapping& mapping, Time now) {
  const auto taken = taken_.find(mapping.file);
  if (taken != taken_.end() && now < taken->second.at + kTrustedFor &&
      (mapping.generation == 0 || mapping.generation == taken->second.generation))
    return taken->second.identity;
  const auto open =
      std::ranges::find(open_, mapping.file, [](const Open& one) { return one.mapping.file; });
  if (open != open_.end()) {
    if (open->pids.size() < ProcessRoster::kMaxProcesses) open->pids.push_back(mapping.pid);
  } else if (!OpenFile(mapping, {mapping.pid}) && unresolved_.size() < kMaxUnresolved) {
    unresolved_.push_back({mapping.file, std::string(mapping.path)});
  }
  return std::nullopt;
}

bool MappedFiles::full() const { return open_.size() >= kMaxOpen; }

bool MappedFiles::OpenFile(const Mapping& mapping, std::vector<std::uint32_t> pids) {
  UniqueFd file(OpenMappedFile(mapping));
  if (!file) return false;
  std::string name = NameOf(file.get(), mapping);
  open_.push_back({mapping, std::move(file), std::move(name), std::move(pids)});
  open_.back().mapping.path = {};
  return true;
}

std::vector<MappedFile> MappedFiles::Take(Time now) {
  if (taken_.size() >= kMaxTaken) taken_.clear();
  std::vector<MappedFile> files;
  for (Open& open : std::exchange(open_, {})) {
    const auto identity = IdentityOf(open.file.get());
    if (!identity) continue;
    taken_[open.mapping.file] = {open.mapping.generation, now, *identity};
    files.push_back({*identity, std::move(open.file), std::move(open.name), std::move(open.pids)});
  }
  return files;
}

void MappedFiles::FindUnresolved(const std::vector<std::uint32_t>& pids) {
  const std::vector<Unresolved> unresolved = std::exchange(unresolved_, {});
  if (unresolved.empty()) return;
  std::set<std::filesystem::path> namespaces;
  for (const std::uint32_t pid : pids) {
    std::error_code error;
    const auto mounts =
        std::filesystem::read_symlink("/proc/" + std::to_string(pid) + "/ns/mnt", error);
    if (error || !namespaces.insert(mounts).second) continue;
    for (const Unresolved& one : unresolved) {
      Mapping mapping;
      mapping.pid = pid;
      mapping.file = one.file;
      mapping.path = one.path;
      // In the other namespaces it need not be: whatever comes of it, it was looked for.
      static_cast<void>(OpenFile(mapping, {}));
    }
  }
}

}  // namespace tlscope
