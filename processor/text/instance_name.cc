// SPDX-License-Identifier: Apache-2.0
#include "processor/text/instance_name.h"

#include <algorithm>
#include <cstddef>

namespace tlscope {

namespace {

constexpr std::size_t kMaxNameBytes = 64;

}  // namespace

bool IsInstanceName(std::string_view name) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  };
  return !name.empty() && name.size() <= kMaxNameBytes && name.front() != '.' &&
         std::all_of(name.begin(), name.end(), fits);
}

}  // namespace tlscope
