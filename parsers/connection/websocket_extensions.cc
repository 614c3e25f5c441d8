// SPDX-License-Identifier: Apache-2.0
#include "parsers/connection/websocket_extensions.h"

#include <algorithm>
#include <cstddef>

#include "parsers/core/field_syntax.h"

namespace tlscope::websocket {
namespace {

/// Cuts the next parameter off, as NextListElement does with list elements.
std::string_view NextParameter(std::string_view& parameters) {
  const std::size_t end = std::min(parameters.find(';'), parameters.size());
  const std::string_view parameter = Trim(parameters.substr(0, end));
  parameters.remove_prefix(std::min(end + 1, parameters.size()));
  return parameter;
}

void ReadDeflate(std::string_view parameters, Extensions& extensions) {
  extensions.deflate = true;
  while (!parameters.empty()) {
    const std::string_view parameter = NextParameter(parameters);
    if (EqualsIgnoreCase(parameter, "server_no_context_takeover")) {
      extensions.server.no_context_takeover = true;
    } else if (EqualsIgnoreCase(parameter, "client_no_context_takeover")) {
      extensions.client.no_context_takeover = true;
    }
  }
}

}  // namespace

void AddExtensions(std::string_view value, Extensions& extensions) {
  while (!value.empty()) {
    std::string_view extension = NextListElement(value);
    const std::string_view name = NextParameter(extension);
    if (EqualsIgnoreCase(name, "permessage-deflate")) {
      if (!extensions.deflate) ReadDeflate(extension, extensions);
    } else if (!name.empty()) {
      extensions.other = true;
    }
  }
}

}  // namespace tlscope::websocket
