// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "processor/ipc/access.h"
#include "tlscope/v1/control.pb.h"

namespace tlscope {

/// "status", "pause", ...: as `tlscope ctl` takes it. Empty for none.
std::string_view CommandName(const v1::Command& command);

/// The topic on which the command may be published; empty where it may on none.
std::string_view TopicOfCommand(const v1::Command& command);

/// Who may give it.
Role RoleThatCommands(const v1::Command& command);

}  // namespace tlscope
