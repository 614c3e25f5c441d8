// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <map>
#include <string>

namespace tlscope {

/// What an option's value must look like. Each answers what does not with a sentence that repeats
/// it and says what would do.
CLI::Validator FormatName();
CLI::Validator Id(const char* what, std::uint32_t least);
CLI::Validator Port();
CLI::Validator CommName();
CLI::Validator Count(std::uint64_t most);  ///< 0 to `most`
CLI::Validator InstanceName();             ///< becomes part of a socket's path
CLI::Validator Tag();                      ///< KEY=VALUE
CLI::Validator Setting();                  ///< KEY=VALUE, any of either
CLI::Validator ListenAddress();            ///< numeric ADDRESS:PORT, IPv6 in brackets
CLI::Validator Nonempty(const char* what);

/// A number with KiB, MiB, GiB behind it if need be; made a number of bytes.
CLI::Validator Size();

CLI::Option* AddSize(CLI::App& command, const std::string& flags, std::uint64_t& bytes,
                     const std::string& help);

/// One of some names, each standing for a value.
template <class Value>
CLI::Option* AddChoice(CLI::App& command, const std::string& flags, Value& value,
                       const std::map<std::string, Value>& choices, const std::string& help) {
  std::string initial;
  std::string names;
  for (const auto& [name, choice] : choices) {
    if (choice == value) initial = name;
    names += names.empty() ? name : "|" + name;
  }
  const auto to_number = [choices, names](std::string& word) -> std::string {
    const auto choice = choices.find(word);
    if (choice == choices.end()) return "'" + word + "' is none of " + names;
    word = std::to_string(static_cast<int>(choice->second));
    return {};
  };
  return command.add_option(flags, value, help)
      ->transform(CLI::Validator(to_number, names))
      ->default_str(initial);
}

}  // namespace tlscope
