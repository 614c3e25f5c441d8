// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace tlscope {

/// What the process ends with; scripts rely on the numbers.
enum ExitStatus : int {
  kExitOk = 0,
  kExitFailure = 1,  ///< something failed at run time
  kExitUsage = 2,    ///< the command line makes no sense
  kExitMissing = 3,  ///< a privilege or a kernel feature is missing
};

/// Every command of tlscope with its options.
class Commands {
 public:
  /// Adds them to `app`, which is borrowed.
  explicit Commands(CLI::App& app);
  ~Commands();
  Commands(const Commands&) = delete;
  Commands& operator=(const Commands&) = delete;

  /// After parsing: runs the one that was given. `arguments`: as the program was called, its name
  /// first. Returns the exit status.
  int Run(std::vector<std::string> arguments);

 private:
  struct State;
  std::unique_ptr<State> state_;  // what the parser writes to
};

/// Parses the command line and runs the command it names. Returns the exit status; everything the
/// user has to know has been printed by then.
int RunCommandLine(int argc, char** argv);

}  // namespace tlscope
