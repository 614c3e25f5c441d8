// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tlscope {

/// Whether a file of this path may be an OpenSSL libssl, judged by its name.
bool LooksLikeLibssl(std::string_view path);

/// Ways to open a file that process `pid` maps as `path`, best first: through the process's own
/// root, so that containers are seen as they see themselves, then as this process sees it.
std::vector<std::string> PathsToMappedFile(std::uint32_t pid, std::string_view path);

/// Every libssl in the system's library folders, then those that processes on this host map; each
/// as a path that can be opened here. The same file may be named more than once.
std::vector<std::string> FindLibraries();

}  // namespace tlscope
