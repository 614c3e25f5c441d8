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
      return "invalid time '" + value +
             "': expected 2026-11-21T08:54:12Z, @1795251252 (seconds since 1970) or -5m, for "
             "example";
    }
    set(*time);
    return {};
  };
  AddTaken(command, flags, take, help, "TIME")->take_last();
}

void AddInstance(CLI::App& command, Instance& instance) {
  command.option_defaults()->group("Agent");
  command.add_option("--instance", instance.name, "Name of the agent")
      ->type_name("NAME")
      ->check(InstanceName())
      ->capture_default_str();
  command.add_option("--runtime-dir", instance.runtime_dir, "Directory of the agents' sockets")
      ->type_name("DIR")
      ->check(Nonempty("the directory"))
      ->capture_default_str();
}

std::string TakeKind(const std::string& name, v1::EventFilter& filter) {
  const auto kind = EventKindNamed(name);
  if (!kind) return "invalid kind '" + name + "': expected one of " + EventKindNames();
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
    return "invalid id '" + std::string(text) +
           "': expected its hexadecimal digits, as --format json shows them";
  filter.set_correlation(id);
  return {};
}

void AddFilter(CLI::App& command, v1::Subscribe& wish) {
  command.option_defaults()->group("Filters");
  v1::EventFilter& filter = *wish.mutable_filter();
  AddTaken(
      command, "--kind", [&filter](const std::string& name) { return TakeKind(name, filter); },
      "Print only events of this kind, such as MessageDecoded (repeatable)", "KIND");
  AddTime(
      command, "--since", [&filter](std::int64_t ns) { filter.set_since_unix_ns(ns); },
      "Print only events from TIME on: RFC 3339, @SECONDS since 1970, or -5m for five minutes ago");
  AddTime(
      command, "--until", [&filter](std::int64_t ns) { filter.set_until_unix_ns(ns); },
      "Print only events up to TIME, then end");
  AddTaken(
      command, "--correlation", [&filter](const std::string& text) { return TakeId(text, filter); },
      "Print only events of the connection or exchange with this id", "ID")
      ->take_last();
  command
      .add_option_function<std::string>(
          "--stage", [&filter](const std::string& stage) { filter.set_stage(stage); },
          "Print only events of what began in this stage of the agent, such as capturing")
      ->type_name("STAGE");
  AddTaken(
      command, "--tag",
      [&filter](const std::string& tag) {
        filter.add_tags(tag);
        return std::string();
      },
      "Print only events with this tag (repeatable: with all of them)", "KEY=VALUE")
      ->check(Tag());
}

CLI::App* AddSubscribe(CLI::App& app, SubscribeCommand& command) {
  CLI::App* const subscribe =
      app.add_subcommand("subscribe", "Print the events of a running agent as they happen");
  v1::Subscribe& wish = command.wish;
  subscribe->option_defaults()->group("Events");
  AddTaken(
      *subscribe, "topic",
      [&wish](const std::string& topic) {
        wish.add_topics(topic);
        return std::string();
      },
      "Topics to print: levels joined by dots; + is any one level, a last # any number, as in "
      "events.#",
      "TOPIC...")
      ->required()
      ->allow_extra_args(true);
  subscribe
      ->add_option_function<std::uint32_t>(
          "--history", [&wish](std::uint32_t events) { wish.set_history(events); },
          "Print up to N of the latest events first")
      ->type_name("N")
      ->check(Number(0, EventBus::kHistory));
  AddChoice<EventOutput>(
      *subscribe, "--format", command.output,
      {{"text", EventOutput::kText}, {"line", EventOutput::kLine}, {"json", EventOutput::kJson}},
      "Print messages as capture does (text), a line per exchange (line) or an object per event "
      "(json)");
  subscribe->add_option("--count", command.count, "End after N events have been printed (0: never)")
      ->type_name("N")
      ->check(Number(0, UINT64_MAX));
  AddFilter(*subscribe, wish);
  AddInstance(*subscribe, command.instance);
  subscribe->add_flag_callback(
      "--no-reconnect", [&command] { command.reconnect = false; },
      "End when the agent ends, instead of waiting for it to come back");
  return subscribe;
}

CLI::App* AddControl(CLI::App& app, ControlCommand& command) {
  CLI::App* const ctl = app.add_subcommand("ctl", "Query or control a running agent");
  ctl->require_subcommand(1);
  AddInstance(*ctl, command.instance);
  ctl->add_flag("--json", command.json, "Print JSON, for programs");
  ctl->option_defaults()->group("Options");
  v1::Command& wanted = command.command;
  const auto add = [&](const char* name, const char* help, std::function<void()> choose) {
    CLI::App* const one = ctl->add_subcommand(name, help);
    one->fallthrough();
    one->callback(std::move(choose));
    return one;
  };
  add("status", "Print the agent's state and what it has lost",
      [&wanted] { wanted.mutable_get_status(); });
  add("pause", "Stop capturing until resume", [&wanted] { wanted.mutable_pause(); });
  add("resume", "Capture again after pause", [&wanted] { wanted.mutable_resume(); });
  add("stop", "End the agent once it has written what it has captured",
      [&wanted] { wanted.mutable_stop(); });
  add("reload", "Read the configuration file again", [&wanted] { wanted.mutable_reload(); });
  CLI::App* const set = add("set", "Change an option of the running agent", [] {});
  set->add_option_function<std::string>(
         "key", [&wanted](const std::string& key) { wanted.mutable_set()->set_key(key); },
         "Name of the option without dashes; ctl status lists them")
      ->type_name("KEY")
      ->required();
  set->add_option_function<std::string>(
         "value", [&wanted](const std::string& value) { wanted.mutable_set()->set_value(value); },
         "New value of the option")
      ->type_name("VALUE")
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
