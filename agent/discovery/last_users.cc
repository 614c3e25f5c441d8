// SPDX-License-Identifier: Apache-2.0
#include "agent/discovery/last_users.h"

#include "processor/base/unique_fd.h"

namespace tlscope {
namespace {

/// The last part of a path, without what may be said behind it: " (deleted)".
std::string_view NameIn(std::string_view path) {
  path.remove_prefix(path.rfind('/') + 1);
  return path.substr(0, path.find(" ("));
}

}  // namespace

void LastUsers::Add(InodeId file, std::string_view path, Time now) {
  files_.try_emplace(file, Use{std::string(NameIn(path)), now});
}

/// Those of the files that process `pid` maps as code. What may not be looked at is taken for any
/// that it may be: rather too long than too short.
std::set<InodeId> LastUsers::MappedBy(std::uint32_t pid) const {
  std::set<InodeId> mapped;
  ForEachMapping(pid, [&](const Mapping& mapping) {
    const std::string_view name = NameIn(mapping.path);
    for (const auto& [file, use] : files_) {
      // On overlayfs the number may be that of the inode below: then the name tells.
      if (file.inode != mapping.file.inode && use.name != name) continue;
      const UniqueFd opened(OpenMappedFile(mapping));
      const auto identity = opened ? IdentityOf(opened.get()) : std::nullopt;
      if (!identity || identity->inode == file) mapped.insert(file);
    }
  });
  return mapped;
}

void LastUsers::Saw(InodeId file, std::uint32_t pid, Time now) {
  const auto known = files_.find(file);
  if (known == files_.end()) return;
  known->second.witness = pid;
  known->second.seen = now;
}

void LastUsers::Look(Time now) {
  std::set<InodeId> without;
  for (auto& [file, use] : files_) {
    if (use.witness != 0 && MappedBy(use.witness).contains(file)) {
      use.seen = now;
    } else {
      use.witness = 0;
      without.insert(file);
    }
  }
  if (without.empty()) return;
  for (const std::uint32_t pid : Processes()) {
    for (const InodeId& file : MappedBy(pid)) {
      if (without.erase(file) > 0) Saw(file, pid, now);
    }
    if (without.empty()) return;
  }
}

std::vector<InodeId> LastUsers::UnusedSince(Time time) const {
  std::vector<InodeId> unused;
  for (const auto& [file, use] : files_) {
    if (use.seen < time) unused.push_back(file);
  }
  return unused;
}

}  // namespace tlscope
