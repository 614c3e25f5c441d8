// SPDX-License-Identifier: Apache-2.0
#include "agent/options/option_checks.h"

#include <arpa/inet.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <string_view>
#include <system_error>

#include "processor/base/parse_number.h"
#include "processor/text/instance_name.h"
#include "processor/text/utf8.h"

namespace tlscope {
namespace {

bool IsNameByte(char byte) {
  return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
         (byte >= '0' && byte <= '9') || byte == '_' || byte == '.' || byte == '-';
}

bool IsAddress(std::string_view text) {
  in6_addr address{};
  const bool bracketed = text.starts_with('[') && text.ends_with(']');
  const std::string host(bracketed ? text.substr(1, text.size() - 2) : text);
  return inet_pton(bracketed ? AF_INET6 : AF_INET, host.c_str(), &address) == 1;
}

bool IsPort(std::string_view text) { return ParseNumber<std::uint16_t>(text).value_or(0) != 0; }

std::string Joined(const std::vector<std::string>& words, const char* between) {
  std::string joined;
  for (const std::string& word : words) joined += (joined.empty() ? "" : between) + word;
  return joined;
}

std::string Invalid(const std::string& what, const std::string& value,
                    const std::string& expected) {
  return "invalid " + what + " '" + value + "': expected " + expected;
}

template <class Value>
bool Holds(const std::string& value, Value least, Value most) {
  const auto number = ParseNumber<Value>(value);
  return number && *number >= least && *number <= most;
}

/// `is_good` looks at a value; `invalid` makes the sentence about one that is not.
template <class IsGood, class Describe>
CLI::Validator Check(IsGood is_good, Describe describe) {
  return CLI::Validator(
      [is_good, describe](std::string& value) -> std::string {
        return is_good(value) ? std::string() : describe(value);
      },
      "");
}

/// "64KiB" for 65536: the largest unit that leaves nothing over.
std::string SizeText(std::uint64_t bytes) {
  static constexpr const char* kUnits[] = {"", "KiB", "MiB", "GiB"};
  std::size_t unit = 0;
  while (bytes != 0 && bytes % 1024 == 0 && unit + 1 < std::size(kUnits)) {
    bytes /= 1024;
    ++unit;
  }
  return std::to_string(bytes) + kUnits[unit];
}

}  // namespace

// CLI11's own ranges print all the 309 digits of their upper end, and it takes -1 for the largest
// number there is.
CLI::Validator Number(std::uint64_t least, std::uint64_t most) {
  return Check([=](const std::string& value) { return Holds(value, least, most); },
               [=](const std::string& value) {
                 return Invalid(
                     "number", value,
                     std::to_string(least) +
                         (most == UINT64_MAX ? " or more" : " to " + std::to_string(most)));
               });
}

CLI::Validator Seconds(std::uint32_t most) {
  return Check([=](const std::string& value) { return Holds<double>(value, 0, most); },
               [=](const std::string& value) {
                 return Invalid("number of seconds", value, "0 to " + std::to_string(most));
               });
}

CLI::Validator Id(const char* what, std::uint32_t least) {
  return Check([=](const std::string& value) { return Holds(value, least, UINT32_MAX); },
               [=](const std::string& value) {
                 return Invalid(what, value, "a number from " + std::to_string(least) + " on");
               });
}

CLI::Validator Port() {
  return Check([](const std::string& value) { return IsPort(value); },
               [](const std::string& value) { return Invalid("port", value, "1 to 65535"); });
}

CLI::Validator Size() {
  return CLI::Validator(
      [](std::string& value) -> std::string {
        std::string bytes = value;
        try {
          const bool read = CLI::AsSizeValue(false)(bytes).empty();
          // CLI11 does not look at a number that has no unit.
          if (read && ParseNumber<std::uint64_t>(bytes)) {
            value = bytes;
            return {};
          }
        } catch (const CLI::ValidationError&) {
        }
        return Invalid("size", value, "a number of bytes, such as 1048576, 64KiB or 1GiB");
      },
      "");
}

CLI::Validator CommName() {
  // The kernel keeps 15 bytes of a name (TASK_COMM_LEN, proc(5)): a longer one never matches.
  return Check([](const std::string& value) { return !value.empty() && value.size() <= 15; },
               [](const std::string& value) {
                 return Invalid("process name", value,
                                "1 to 15 bytes, not " + std::to_string(value.size()));
               });
}

CLI::Validator InstanceName() {
  return Check([](const std::string& value) { return IsInstanceName(value); },
               [](const std::string& value) {
                 return Invalid("instance name", value,
                                "1 to 64 letters, digits, '_', '-' and '.', not '.' first");
               });
}

CLI::Validator Tag() {
  return Check(
      [](const std::string& value) {
        const std::size_t end = value.find('=');
        return end != std::string::npos && end > 0 && IsUtf8(value) &&
               std::ranges::all_of(std::string_view(value).substr(0, end), IsNameByte);
      },
      [](const std::string& value) {
        return Invalid("tag", value,
                       "KEY=VALUE, with letters, digits, '_', '-' and '.' in the key and UTF-8 in "
                       "the value");
      });
}

CLI::Validator Setting() {
  return Check(
      [](const std::string& value) {
        const std::size_t end = value.find('=');
        return end != std::string::npos && end > 0;
      },
      [](const std::string& value) { return Invalid("setting", value, "KEY=VALUE"); });
}

CLI::Validator ListenAddress() {
  return Check(
      [](const std::string& value) {
        const std::string_view text = value;
        const std::size_t colon = text.rfind(':');
        return colon != std::string::npos && IsAddress(text.substr(0, colon)) &&
               IsPort(text.substr(colon + 1));
      },
      [](const std::string& value) {
        return Invalid("address", value, "ADDRESS:PORT, such as 127.0.0.1:9464 or [::1]:9464");
      });
}

CLI::Validator ReadableFile() {
  return CLI::Validator(
      [](std::string& path) -> std::string {
        struct stat status {};
        if (stat(path.c_str(), &status) != 0)
          return "cannot read '" + path + "': " + std::generic_category().message(errno);
        return S_ISDIR(status.st_mode) ? "cannot read '" + path + "': it is a directory" : "";
      },
      "");
}

CLI::Validator Nonempty(const char* what) {
  return Check(
      [](const std::string& value) { return !value.empty(); },
      [=](const std::string& /*value*/) { return std::string(what) + " must not be empty"; });
}

std::string ExpectedOneOf(const std::string& value, const std::vector<std::string>& names) {
  return Invalid("value", value, "one of " + Joined(names, ", "));
}

CLI::Option* AddFile(CLI::App& command, const std::string& flags, std::string& path,
                     const std::string& help) {
  return command.add_option(flags, path, help)->type_name("FILE")->check(ReadableFile());
}

CLI::Option* AddSize(CLI::App& command, const std::string& flags, std::uint64_t& bytes,
                     const std::string& help) {
  return command.add_option(flags, bytes, help)
      ->type_name("SIZE")
      ->transform(Size())
      ->default_str(SizeText(bytes));
}

CLI::Option* AddNameChoice(CLI::App& command, const std::string& flags,
                           const std::vector<std::string>& names, const std::string& initial,
                           const std::function<void(std::size_t)>& choose,
                           const std::string& help) {
  const auto take = [names, choose](const std::string& word) {
    choose(static_cast<std::size_t>(std::ranges::find(names, word) - names.begin()));
  };
  return command.add_option_function<std::string>(flags, take, help)
      ->type_name(Joined(names, "|"))
      ->check(
          Check([names](const std::string& word) { return std::ranges::count(names, word) != 0; },
                [names](const std::string& word) { return ExpectedOneOf(word, names); }))
      ->default_str(initial);
}

}  // namespace tlscope
