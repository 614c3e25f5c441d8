// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>

#include "processor/base/result.h"

namespace CLI {
class App;
}

namespace tlscope {

/// The commands around recordings: `record` and `replay`.
class RecordingCommands {
 public:
  /// Adds them to `app`, which is borrowed.
  explicit RecordingCommands(CLI::App& app);
  ~RecordingCommands();
  RecordingCommands(const RecordingCommands&) = delete;
  RecordingCommands& operator=(const RecordingCommands&) = delete;

  /// After parsing: runs the one that was given. Nothing when it was another command.
  std::optional<Result<void>> Run() const;

 private:
  struct State;
  std::unique_ptr<State> state_;  // what the parser writes to
};

}  // namespace tlscope
