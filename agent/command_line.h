// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/options/capture_options.h"

namespace tlscope {

/// What the process ends with; scripts rely on the numbers.
enum ExitStatus : int {
  kExitOk = 0,
  kExitFailure = 1,  ///< something failed at run time
  kExitUsage = 2,    ///< the command line makes no sense
  kExitMissing = 3,  ///< a privilege or a kernel feature is missing
};

/// Parses the command line and runs the command it names. Returns the exit status; everything the
/// user has to know has been printed by then.
int RunCommandLine(int argc, char** argv);

}  // namespace tlscope
