// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace tlscope {

/// A process and what the kernel called it when it was found.
struct SeenProcess {
  std::uint32_t pid = 0;
  std::string comm;
  bool operator==(const SeenProcess&) const = default;
};

/// The processes that map a library which is attached to. One thread.
class ProcessRoster {
 public:
  using Time = std::chrono::steady_clock::time_point;

  /// More than that are not kept.
  static constexpr std::size_t kMaxProcesses = 4096;

  /// Whether it is known; then it was seen at `now`.
  [[nodiscard]] bool Renew(std::uint32_t pid, Time now);

  /// Takes one that is not known. False when there is no room.
  [[nodiscard]] bool Add(SeenProcess process, Time now);

  /// Forgets those that were last seen before `time`.
  void ForgetUnseenSince(Time time);

  /// By pid.
  std::vector<SeenProcess> All() const;

  /// Another number whenever All() is.
  std::uint64_t version() const { return version_; }

 private:
  struct Entry {
    std::string comm;
    Time seen;
  };
  std::map<std::uint32_t, Entry> processes_;
  std::uint64_t version_ = 0;
};

}  // namespace tlscope
