// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <exception>

#include "agent/command_line.h"
#include "agent/this_process/standard_descriptors.h"

int main(int argc, char** argv) {
  tlscope::TakeStandardDescriptors();
  try {
    return tlscope::RunCommandLine(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "tlscope: cannot go on: %s\n", error.what());
    return tlscope::kExitFailure;
  }
}
