// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "processor/events/kernel_records.h"

namespace tlscope {

/// Appends `127.0.0.1:443`, `[::1]:443`, or `unknown` when there is no family.
void AppendEndpoint(AddressFamily family, const Endpoint& endpoint, std::string& out);

/// Appends `local-remote`, or one `unknown` for both.
void AppendTuple(const Tuple& tuple, std::string& out);

}  // namespace tlscope
