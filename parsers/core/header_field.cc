// SPDX-License-Identifier: Apache-2.0
#include "parsers/core/header_field.h"

#include <strings.h>

#include <cstddef>

#include "parsers/core/field_syntax.h"

namespace tlscope {

std::string_view FindField(std::string_view lines, std::string_view name) {
  while (!lines.empty()) {
    const std::size_t end = lines.find('\n');
    const std::string_view line = lines.substr(0, end);
    if (line.size() > name.size() && line[name.size()] == ':' &&
        strncasecmp(line.data(), name.data(), name.size()) == 0)
      return Trim(line.substr(name.size() + 1));
    if (end == std::string_view::npos) break;
    lines.remove_prefix(end + 1);
  }
  return {};
}

std::string_view FindHost(std::string_view head) {
  const std::string_view authority = FindField(head, ":authority");
  return authority.empty() ? FindField(head, "host") : authority;
}

}  // namespace tlscope
