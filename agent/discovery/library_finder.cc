// SPDX-License-Identifier: Apache-2.0
#include "agent/discovery/library_finder.h"

#include <glob.h>

#include <filesystem>
#include <system_error>

namespace tlscope {
namespace {

// Where a libssl lies before anybody maps it, so that the first process to do so is not missed.
constexpr const char* kSystemPatterns[] = {
    "/usr/lib/*/libssl.so*",       "/usr/lib/libssl.so*",           "/usr/lib64/libssl.so*",
    "/lib/*/libssl.so*",           "/usr/local/lib/libssl.so*",     "/usr/local/lib64/libssl.so*",
    "/usr/local/*/lib/libssl.so*", "/usr/lib/*/android/libssl.so*",
};

}  // namespace

std::vector<std::string> InstalledLibraries() {
  std::vector<std::string> found;
  for (const char* pattern : kSystemPatterns) {
    glob_t matches{};
    // NOLINTNEXTLINE(concurrency-mt-unsafe): only its tilde expansion is, and there is no tilde.
    if (glob(pattern, 0, nullptr, &matches) == 0) {
      for (std::size_t i = 0; i < matches.gl_pathc; ++i) {
        std::error_code error;  // a dangling link is no library
        const auto real = std::filesystem::canonical(matches.gl_pathv[i], error);
        if (!error) found.push_back(real.string());
      }
    }
    globfree(&matches);
  }
  return found;
}

}  // namespace tlscope
