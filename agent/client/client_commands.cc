// SPDX-License-Identifier: Apache-2.0
#include "agent/client/client_commands.h"

#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdint>
#include <functional>
#include <string>

#include "agent/client/ctl.h"
#include "agent/client/subscribe.h"
#include "agent/client/time_argument.h"
#include "agent/options/option_checks.h"
#include "processor/base/clock.h"
#include "processor/bus/event_bus.h"
#include "processor/events/event_kind.h"

namespace tlscope {
namespace {

/// Takes each value that was given to `take`, whose answer is what is wrong with it.
CLI::Option* AddTaken(CLI::App& command, const std::string& flags,
                      const std::function<std::string(const std::string&)>& take,
                      const std::string& help, const std::string& placeholder) {
  return command
      .add_option_function<std::vector<std::string>>(
          flags,
          [take, flags](const std::vector<std::string>& values) {
            for (const std::string& value : values) {
              const std::string wrong = take(value);
              if (!wrong.empty()) throw CLI::ValidationError(flags, wrong);
            }
          },
          help)
      ->type_name(placeholder)
      ->allow_extra_args(false);
}

void AddTime(CLI::App& command, const std::string& flags, std::function<void(std::int64_t)> set,
             const std::string& help) {
  const auto take = [set = std::move(set)](const std::string& value) -> std::string {
    const auto time = ParseTime(value, UnixNs());
    if (!time) {
      return "'" + value +
             "' is no time; write 2026-11-21T08:54:12Z, @1795251252 (seconds since 1970) or -5m";
    }
    set(*time);
    return {};
  };
  AddTaken(command, flags, take, help, "TIME")->take_last();
}

void AddInstance(CLI::App& command, Instance& instance) {
  command.add_option("--instance", instance.name, "Name of the agent")
      ->check(InstanceName())
      ->capture_default_str();
  command.add_option("--runtime-dir", instance.runtime_dir, "Folder of the agents' sockets")
      ->check(Nonempty("folder"))
      ->capture_default_str();
}

std::string TakeKind(const std::string& name, v1::EventFilter& filter) {
  const auto kind = EventKindNamed(name);
  if (!kind) return "'" + name + "' is no kind of event; the kinds are " + EventKindNames();
  filter.add_kinds(*kind);
  return {};
}

std::string TakeId(std::string_view text, v1::EventFilter& filter) {
  std::string_view digits = text;
  if (digits.starts_with("0x")) digits.remove_prefix(2);
  std::uint64_t id = 0;
  const char* const end = digits.data() + digits.size();
  const auto parsed = std::from_chars(digits.data(), end, id, 16);
  if (parsed.ec != std::errc() || parsed.ptr != end || id == 0)
    return "'" + std::string(text) +
           "' is no id; write its hexadecimal digits, as --format json shows them";
  filter.set_correlation(id);
  return {};
}

void AddFilter(CLI::App& command, v1::Subscribe& wish) {
  v1::EventFilter& filter = *wish.mutable_filter();
  AddTaken(
      command, "--kind", [&filter](const std::string& name) { return TakeKind(name, filter); },
      "Only events of this kind, as MessageDecoded (repeatable)", "KIND");
  AddTime(
      command, "--since", [&filter](std::int64_t ns) { filter.set_since_unix_ns(ns); },
      "Only events from this time on: RFC 3339, @SECONDS since 1970, or -5m for five minutes ago");
  AddTime(
      command, "--until", [&filter](std::int64_t ns) { filter.set_until_unix_ns(ns); },
      "Only events up to this time; then ends");
  AddTaken(
      command, "--correlation", [&filter](const std::string& text) { return TakeId(text, filter); },
      "Only events with this id, or below it: a connection's, an exchange's", "ID")
      ->take_last();
  command
      .add_option_function<std::string>(
          "--stage", [&filter](const std::string& stage) { filter.set_stage(stage); },
          "Only what began in this stage of the agent, as capturing")
      ->type_name("STAGE");
  AddTaken(
      command, "--tag",
      [&filter](const std::string& tag) {
        filter.add_tags(tag);
        return std::string();
      },
      "Only events with this tag (repeatable: all of them)", "KEY=VALUE")
      ->check(Tag());
}

CLI::App* AddSubscribe(CLI::App& app, SubscribeCommand& command) {
  CLI::App* const subscribe =
      app.add_subcommand("subscribe", "Print the events of a running agent as they come");
  v1::Subscribe& wish = command.wish;
  AddTaken(
      *subscribe, "topic",
      [&wish](const std::string& topic) {
        wish.add_topics(topic);
        return std::string();
      },
      "What to hear of: levels joined by dots, + for any one, # last for any number, as events.#",
      "TOPIC...")
      ->required()
      ->allow_extra_args(true);
  subscribe
      ->add_option_function<std::uint32_t>(
          "--history", [&wish](std::uint32_t events) { wish.set_history(events); },
          "How many of the latest events to print first")
      ->type_name("EVENTS")
      ->check(Count(EventBus::kHistory));
  AddFilter(*subscribe, wish);
  AddChoice<EventOutput>(
      *subscribe, "--format", command.output,
      {{"text", EventOutput::kText}, {"line", EventOutput::kLine}, {"json", EventOutput::kJson}},
      "text: messages as capture prints them; line: one line per exchange; json: one object per "
      "event");
  AddInstance(*subscribe, command.instance);
  subscribe->add_flag_callback(
      "--no-reconnect", [&command] { command.reconnect = false; },
      "End when the agent ends, instead of waiting until it is back");
  subscribe->add_option("--count", command.count, "End after printing this many events")
      ->check(Count(UINT64_MAX));
  return subscribe;
}

CLI::App* AddControl(CLI::App& app, ControlCommand& command) {
  CLI::App* const ctl = app.add_subcommand("ctl", "Ask or command a running agent");
  ctl->require_subcommand(1);
  AddInstance(*ctl, command.instance);
  ctl->add_flag("--json", command.json, "Print JSON, for programs");
  v1::Command& wanted = command.command;
  const auto add = [&](const char* name, const char* help, std::function<void()> choose) {
    CLI::App* const one = ctl->add_subcommand(name, help);
    one->fallthrough();
    one->callback(std::move(choose));
    return one;
  };
  add("status", "Say how the agent is, and what it has lost",
      [&wanted] { wanted.mutable_get_status(); });
  add("pause", "Capture nothing until it is resumed", [&wanted] { wanted.mutable_pause(); });
  add("resume", "Capture again", [&wanted] { wanted.mutable_resume(); });
  add("stop", "End the agent after it has written what it has",
      [&wanted] { wanted.mutable_stop(); });
  add("reload", "Read the configuration file again", [&wanted] { wanted.mutable_reload(); });
  CLI::App* const set = add("set", "Change an option of the running agent", [] {});
  set->add_option_function<std::string>(
         "key", [&wanted](const std::string& key) { wanted.mutable_set()->set_key(key); },
         "Name of the option, without dashes; ctl status lists them")
      ->required();
  set->add_option_function<std::string>(
         "value", [&wanted](const std::string& value) { wanted.mutable_set()->set_value(value); },
         "Its new value")
      ->required();
  return ctl;
}

}  // namespace

struct ClientCommands::State {
  SubscribeCommand subscribe_command;
  ControlCommand control_command;
  CLI::App* subscribe = nullptr;
  CLI::App* ctl = nullptr;
};

ClientCommands::ClientCommands(CLI::App& app) : state_(std::make_unique<State>()) {
  state_->subscribe = AddSubscribe(app, state_->subscribe_command);
  state_->ctl = AddControl(app, state_->control_command);
}

ClientCommands::~ClientCommands() = default;

std::optional<Result<void>> ClientCommands::Run() const {
  if (state_->ctl->parsed()) return RunControl(state_->control_command);
  if (!state_->subscribe->parsed()) return {};
  SubscribeCommand command = state_->subscribe_command;
  // Exchanges have no bodies.
  command.wish.set_short_bodies(command.output == EventOutput::kLine);
  return RunSubscribe(command);
}

}  // namespace tlscope
