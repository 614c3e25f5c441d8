// SPDX-License-Identifier: Apache-2.0
#include "agent/options/output_options.h"

#include <algorithm>

namespace tlscope {

std::uint64_t BodyLimitOf(const OutputOptions& options) {
  if (options.headers_only) return 0;
  if (options.max_body_bytes == 0) return options.message_bytes;
  return std::min(options.max_body_bytes, options.message_bytes);
}

}  // namespace tlscope
