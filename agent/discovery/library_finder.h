// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace tlscope {

/// Every libssl in the system's library folders, so that the first process to map one is not
/// missed. Links are resolved; the same file may be named more than once.
std::vector<std::string> InstalledLibraries();

}  // namespace tlscope
