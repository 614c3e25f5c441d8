// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>

#include "processor/base/result.h"

namespace CLI {
class App;
}

namespace tlscope {

/// The commands that talk to a running agent: `subscribe` and `ctl`.
class ClientCommands {
 public:
  /// Adds them to `app`, which is borrowed.
  explicit ClientCommands(CLI::App& app);
  ~ClientCommands();
  ClientCommands(const ClientCommands&) = delete;
  ClientCommands& operator=(const ClientCommands&) = delete;

  /// After parsing: runs the one that was given. Nothing when it was another command.
  std::optional<Result<void>> Run() const;

 private:
  struct State;
  std::unique_ptr<State> state_;  // what the parser writes to
};

}  // namespace tlscope
