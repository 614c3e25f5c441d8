// SPDX-License-Identifier: Apache-2.0
#include "processor/ipc/command.h"

namespace tlscope {

std::string_view CommandName(const v1::Command& command) {
  switch (command.command_case()) {
    case v1::Command::kGetStatus:
      return "status";
    case v1::Command::kPause:
      return "pause";
    case v1::Command::kResume:
      return "resume";
    case v1::Command::kStop:
      return "stop";
    case v1::Command::kReload:
      return "reload";
    case v1::Command::kSet:
      return "set";
    case v1::Command::COMMAND_NOT_SET:
      break;
  }
  return {};
}

std::string_view TopicOfCommand(const v1::Command& command) {
  switch (command.command_case()) {
    case v1::Command::kPause:
    case v1::Command::kResume:
    case v1::Command::kStop:
      return TopicName(Topic::kAgentLifecycle);
    case v1::Command::kReload:
    case v1::Command::kSet:
      return TopicName(Topic::kAgentConfig);
    case v1::Command::kGetStatus:  // all it does is to be answered
    case v1::Command::COMMAND_NOT_SET:
      break;
  }
  return {};
}

Role RoleThatCommands(const v1::Command& command) {
  return command.has_get_status() ? Role::kGroup : Role::kOwner;
}

}  // namespace tlscope
