// SPDX-License-Identifier: Apache-2.0
#include "agent/discovery/process_roster.h"

#include <utility>

namespace tlscope {

bool ProcessRoster::Renew(std::uint32_t pid, Time now) {
  const auto known = processes_.find(pid);
  if (known == processes_.end()) return false;
  known->second.seen = now;
  return true;
}

bool ProcessRoster::Add(SeenProcess process, Time now) {
  if (processes_.size() >= kMaxProcesses) return false;
  if (!processes_.try_emplace(process.pid, Entry{std::move(process.comm), now}).second)
    return false;
  ++version_;
  return true;
}

void ProcessRoster::ForgetUnseenSince(Time time) {
  if (std::erase_if(processes_, [&](const auto& entry) { return entry.second.seen < time; }) > 0)
    ++version_;
}

std::vector<SeenProcess> ProcessRoster::All() const {
  std::vector<SeenProcess> all;
  all.reserve(processes_.size());
  for (const auto& [pid, entry] : processes_) all.push_back({pid, entry.comm});
  return all;
}

}  // namespace tlscope
