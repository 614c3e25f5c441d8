// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "processor/base/result.h"
#include "processor/ipc/agent_socket.h"
#include "tlscope/v1/control.pb.h"

namespace tlscope {

/// What `tlscope ctl` was asked to do.
struct ControlCommand {
  Instance instance;
  v1::Command command;
  bool json = false;
};

/// Has a running agent carry it out, and writes to standard output what the agent says.
Result<void> RunControl(const ControlCommand& command);

}  // namespace tlscope
