// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <tlscope/v1/control.pb.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "agent/control/live_settings.h"
#include "processor/base/result.h"

namespace tlscope {

/// What a Controller can have done. Called by the thread that executes a command, one at a time.
struct ControllerHooks {
  std::function<v1::AgentStatus()> status;
  /// Plaintext that went by while the capture was paused, since the beginning.
  std::function<std::uint64_t()> paused_bytes;
  std::function<void()> pause;
  std::function<void(std::uint64_t skipped_bytes)> resume;
  /// Returns at once; the agent ends later.
  std::function<void()> stop;
  /// Reads the options again and applies what can be applied.
  std::function<Result<std::vector<SettingChange>>()> reload;
  std::function<Result<SettingChange>(const std::string& key, const std::string& value)> set;
};

/// Executes the commands of whoever may command the agent: clients of its socket, and signals. Any
/// thread.
class Controller {
 public:
  explicit Controller(ControllerHooks hooks);

  /// Does it, and says in the reply what was done. kUsage: the command makes no sense; other errors
  /// are those of the hooks. Then nothing was done.
  Result<v1::Reply> Execute(const v1::Command& command);

  bool paused() const { return paused_; }

 private:
  Result<v1::Reply> Pause();
  Result<v1::Reply> Resume();
  Result<v1::Reply> Stop();
  Result<v1::Reply> Reload();
  Result<v1::Reply> Set(const v1::Command::Set& command);

  std::mutex mutex_;
  const ControllerHooks hooks_;
  std::atomic<bool> paused_ = false;
  bool stopping_ = false;
  std::uint64_t paused_bytes_before_ = 0;
};

}  // namespace tlscope
