// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace tlscope {

/// What gethostname(2) tells; empty when it fails.
std::string HostName();

}  // namespace tlscope
