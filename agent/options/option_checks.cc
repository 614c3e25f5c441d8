// SPDX-License-Identifier: Apache-2.0
#include "agent/options/option_checks.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <string_view>

#include "processor/formats/format_kind.h"
#include "processor/text/instance_name.h"
#include "processor/text/utf8.h"

namespace tlscope {
namespace {

// All of `text`, from `least` on. CLI11's own ranges are printed with all the 309 digits of their
// upper end, and by itself it takes -1 for the largest number there is.
template <class Number>
bool IsNumber(std::string_view text, Number least) {
  Number number = 0;
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, number);
  return parsed.ec == std::errc() && parsed.ptr == end && number >= least;
}

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

}  // namespace

CLI::Validator FormatName() {
  std::string names;
  for (const FormatInfo& info : kFormats) {
    if (!names.empty()) names += "|";
    names += info.name;
  }
  return CLI::Validator(
      [names](std::string& value) -> std::string {
        return FormatNamed(value) ? "" : "'" + value + "' is none of " + names;
      },
      names);
}

CLI::Validator Id(const char* what, std::uint32_t least) {
  return CLI::Validator(
      [what, least](std::string& value) -> std::string {
        return IsNumber(value, least) ? "" : "'" + value + "' is no " + what;
      },
      "ID");
}

CLI::Validator Size() {
  return CLI::Validator(
      [](std::string& value) -> std::string {
        std::string bytes = value;
        try {
          const bool read = CLI::AsSizeValue(false)(bytes).empty();
          // CLI11 does not look at a number that has no unit.
          if (read && IsNumber<std::uint64_t>(bytes, 0)) {
            value = bytes;
            return {};
          }
        } catch (const CLI::ValidationError&) {
        }
        return "'" + value + "' is no size, such as 1048576, 64KiB or 1GiB";
      },
      "SIZE");
}

CLI::Validator Port() {
  return CLI::Validator(
      [](std::string& value) -> std::string {
        return IsNumber<std::uint16_t>(value, 1) ? "" : "'" + value + "' is no port (1 to 65535)";
      },
      "PORT");
}

CLI::Validator CommName() {
  return CLI::Validator(
      [](std::string& value) -> std::string {
        // The kernel keeps 15 bytes of a name (TASK_COMM_LEN, proc(5)): a longer one never matches.
        if (!value.empty() && value.size() <= 15) return {};
        return "a process name has 1 to 15 bytes, '" + value + "' has " +
               std::to_string(value.size());
      },
      "NAME");
}

CLI::Validator Count(std::uint64_t most) {
  return CLI::Validator(
      [most](std::string& value) -> std::string {
        std::uint64_t number = 0;
        const char* const end = value.data() + value.size();
        const auto parsed = std::from_chars(value.data(), end, number);
        if (parsed.ec == std::errc() && parsed.ptr == end && number <= most) return {};
        return "'" + value + "' is no number from 0 to " + std::to_string(most);
      },
      "N");
}

CLI::Validator InstanceName() {
  return CLI::Validator(
      [](std::string& value) -> std::string {
        if (IsInstanceName(value)) return {};
        return "'" + value +
               "' is no instance name: 1 to 64 letters, digits, '_', '-' and '.', the latter not "
               "first";
      },
      "NAME");
}

CLI::Validator Tag() {
  return CLI::Validator(
      [](std::string& value) -> std::string {
        const std::size_t end = value.find('=');
        if (end != std::string::npos && end > 0 &&
            std::all_of(value.begin(), value.begin() + static_cast<std::ptrdiff_t>(end),
                        IsNameByte) &&
            IsUtf8(value))
          return {};
        return "'" + value +
               "' is no tag: KEY=VALUE, with letters, digits, '_', '-' and '.' in the key and "
               "UTF-8 "
               "in the value";
      },
      "KEY=VALUE");
}

CLI::Validator Setting() {
  return CLI::Validator(
      [](std::string& value) -> std::string {
        const std::size_t end = value.find('=');
        if (end != std::string::npos && end > 0) return {};
        return "'" + value + "' is no setting: KEY=VALUE";
      },
      "");
}

CLI::Validator ListenAddress() {
  return CLI::Validator(
      [](std::string& value) -> std::string {
        const std::size_t colon = value.rfind(':');
        if (colon != std::string::npos && IsAddress(std::string_view(value).substr(0, colon)) &&
            IsNumber<std::uint16_t>(std::string_view(value).substr(colon + 1), 1))
          return {};
        return "'" + value + "' is no ADDRESS:PORT, such as 127.0.0.1:9464 or [::1]:9464";
      },
      "ADDRESS:PORT");
}

CLI::Validator Nonempty(const char* what) {
  return CLI::Validator(
      [what](std::string& value) -> std::string {
        return value.empty() ? std::string(what) + " is not empty" : "";
      },
      "");
}

CLI::Option* AddSize(CLI::App& command, const std::string& flags, std::uint64_t& bytes,
                     const std::string& help) {
  return command.add_option(flags, bytes, help + " (takes KiB, MiB, GiB)")
      ->transform(Size())
      ->capture_default_str();
}

}  // namespace tlscope
