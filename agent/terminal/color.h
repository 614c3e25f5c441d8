// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdlib>

namespace tlscope {

/// Whether output has colours when nobody has said: on a terminal, unless NO_COLOR is set
/// (no-color.org).
inline bool WantsColor(bool terminal) {
  const char* no_color = std::getenv("NO_COLOR");  // nobody sets it  NOLINT(concurrency-mt-unsafe)
  return terminal && (no_color == nullptr || *no_color == '\0');
}

}  // namespace tlscope
