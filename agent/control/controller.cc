// SPDX-License-Identifier: Apache-2.0
#include "agent/control/controller.h"

#include <utility>

namespace tlscope {
namespace {

v1::Reply Say(std::string text) {
  v1::Reply reply;
  reply.set_text(std::move(text));
  return reply;
}

std::string Describe(const SettingChange& change) {
  if (change.needs_restart) return change.key + " needs a restart to change";
  if (change.old_value == change.new_value) return change.key + " is already " + change.new_value;
  return change.key + " is " + change.new_value + ", was " + change.old_value;
}

std::string Describe(const std::vector<SettingChange>& changes) {
  std::string text;
  std::string_view last;
  for (const SettingChange& change : changes) {
    // An option with several parts can be there several times.
    if (change.key == std::exchange(last, change.key)) continue;
    if (!text.empty()) text += "; ";
    text += Describe(change);
  }
  return text.empty() ? "nothing changed" : text;
}

}  // namespace

Controller::Controller(ControllerHooks hooks) : hooks_(std::move(hooks)) {}

Result<v1::Reply> Controller::Execute(const v1::Command& command) {
  const std::lock_guard lock(mutex_);
  switch (command.command_case()) {
    case v1::Command::kGetStatus: {
      v1::Reply reply;
      *reply.mutable_status() = hooks_.status();
      return reply;
    }
    case v1::Command::kPause:
      return Pause();
    case v1::Command::kResume:
      return Resume();
    case v1::Command::kStop:
      return Stop();
    case v1::Command::kReload:
      return Reload();
    case v1::Command::kSet:
      return Set(command.set());
    case v1::Command::COMMAND_NOT_SET:
      break;
  }
  return Fail(Errc::kUsage, 0, "run a command that this version does not know",
              "use a client of the agent's version");
}

Result<v1::Reply> Controller::Pause() {
  const std::string followed = std::to_string(hooks_.status().connections());
  const std::string tail = followed + (followed == "1" ? " connection is" : " connections are") +
                           " followed, and their data is only counted";
  if (paused_) return Say("already paused; " + tail);
  paused_bytes_before_ = hooks_.paused_bytes();
  hooks_.pause();
  paused_ = true;
  return Say("paused; " + tail);
}

Result<v1::Reply> Controller::Resume() {
  if (!paused_) return Say("not paused");
  const std::uint64_t skipped = hooks_.paused_bytes() - paused_bytes_before_;
  hooks_.resume(skipped);
  paused_ = false;
  return Say("resumed; " + std::to_string(skipped) + " bytes of plaintext passed in the meantime");
}

Result<v1::Reply> Controller::Stop() {
  if (std::exchange(stopping_, true)) return Say("already stopping");
  hooks_.stop();
  return Say("stopping; what is left in the ring is still written");
}

Result<v1::Reply> Controller::Reload() {
  TLSCOPE_TRY(const auto changes, hooks_.reload());
  return Say("reloaded; " + Describe(changes));
}

Result<v1::Reply> Controller::Set(const v1::Command::Set& command) {
  TLSCOPE_TRY(const auto change, hooks_.set(command.key(), command.value()));
  return Say(Describe(change));
}

}  // namespace tlscope
