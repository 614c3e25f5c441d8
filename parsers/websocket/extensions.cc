// SPDX-License-Identifier: Apache-2.0
#include "parsers/websocket/extensions.h"

#include <algorithm>
#include <cstddef>
#include <optional>

#include "parsers/http1/syntax.h"

namespace tlscope::websocket {
namespace {

using http1::EqualsIgnoreCase;
using http1::Trim;

/// Cuts the next parameter off, as NextListElement does with list elements.
std::string_view NextParameter(std::string_view& parameters) {
  const std::size_t end = std::min(parameters.find(';'), parameters.size());
  const std::string_view parameter = Trim(parameters.substr(0, end));
  parameters.remove_prefix(std::min(end + 1, parameters.size()));
  return parameter;
}

// RFC 7692 7.1.2: 8 to 15 without leading zeros; RFC 6455 9.1 allows quotes around it.
std::optional<std::uint8_t> WindowBits(std::string_view value) {
  if (value.size() >= 2 && value.front() == '"' && value.back() == '"') {
    value = value.substr(1, value.size() - 2);
  }
  if (value == "8") return 8;
  if (value == "9") return 9;
  if (value.size() != 2 || value[0] != '1' || value[1] < '0' || value[1] > '5') return std::nullopt;
  return static_cast<std::uint8_t>(10 + (value[1] - '0'));
}

void ReadDeflate(std::string_view parameters, Extensions& extensions) {
  extensions.deflate = true;
  while (!parameters.empty()) {
    const std::string_view parameter = NextParameter(parameters);
    const std::size_t equals = std::min(parameter.find('='), parameter.size());
    const std::string_view name = Trim(parameter.substr(0, equals));
    const std::string_view value = Trim(parameter.substr(std::min(equals + 1, parameter.size())));
    if (EqualsIgnoreCase(name, "server_no_context_takeover")) {
      extensions.server.no_context_takeover = true;
    } else if (EqualsIgnoreCase(name, "client_no_context_takeover")) {
      extensions.client.no_context_takeover = true;
    } else if (EqualsIgnoreCase(name, "server_max_window_bits")) {
      extensions.server.window_bits = WindowBits(value).value_or(extensions.server.window_bits);
    } else if (EqualsIgnoreCase(name, "client_max_window_bits")) {
      extensions.client.window_bits = WindowBits(value).value_or(extensions.client.window_bits);
    }
  }
}

}  // namespace

void AddExtensions(std::string_view value, Extensions& extensions) {
  while (!value.empty()) {
    std::string_view extension = http1::NextListElement(value);
    const std::string_view name = NextParameter(extension);
    if (EqualsIgnoreCase(name, "permessage-deflate")) {
      if (!extensions.deflate) ReadDeflate(extension, extensions);
    } else if (!name.empty()) {
      extensions.other = true;
    }
  }
}

}  // namespace tlscope::websocket
