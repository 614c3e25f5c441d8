// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace CLI {
class App;
class Option;
class Validator;
}  // namespace CLI

namespace tlscope {

/// What an option's value must look like. Each refuses anything else with a sentence that repeats
/// the value and says what is expected.
CLI::Validator Id(const char* what, std::uint32_t least);
CLI::Validator Port();
CLI::Validator CommName();
CLI::Validator Number(std::uint64_t least, std::uint64_t most);
CLI::Validator Seconds(std::uint32_t most);  ///< 0 to `most`, also parts of one
CLI::Validator InstanceName();               ///< becomes part of a socket's path
CLI::Validator Tag();                        ///< KEY=VALUE
CLI::Validator Setting();                    ///< KEY=VALUE, any of either
CLI::Validator ListenAddress();              ///< numeric ADDRESS:PORT, IPv6 in brackets
CLI::Validator ReadableFile();
CLI::Validator Nonempty(const char* what);

/// A number with KiB, MiB, GiB behind it if need be; made a number of bytes.
CLI::Validator Size();

/// "invalid value 'x': expected one of a, b".
std::string ExpectedOneOf(const std::string& value, const std::vector<std::string>& names);

CLI::Option* AddFile(CLI::App& command, const std::string& flags, std::string& path,
                     const std::string& help);

CLI::Option* AddSize(CLI::App& command, const std::string& flags, std::uint64_t& bytes,
                     const std::string& help);

/// One of `names`; `choose` gets its index. `initial`: what --help shows as the default.
CLI::Option* AddNameChoice(CLI::App& command, const std::string& flags,
                           const std::vector<std::string>& names, const std::string& initial,
                           const std::function<void(std::size_t)>& choose, const std::string& help);

/// One of some names, each standing for a value; the default is what `value` is.
template <class Value>
CLI::Option* AddChoice(CLI::App& command, const std::string& flags, Value& value,
                       const std::vector<std::pair<std::string, Value>>& choices,
                       const std::string& help) {
  std::string initial;
  std::vector<std::string> names;
  std::vector<Value> values;
  for (const auto& [name, choice] : choices) {
    if (choice == value) initial = name;
    names.push_back(name);
    values.push_back(choice);
  }
  const auto choose = [&value, values](std::size_t index) { value = values[index]; };
  return AddNameChoice(command, flags, names, initial, choose, help);
}

}  // namespace tlscope
