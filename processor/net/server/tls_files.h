// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace tlscope {

/// The server's side of TLS: files of PEM.
struct TlsFiles {
  std::string certificate = {};  ///< with its chain
  std::string key = {};
  std::string client_ca = {};  ///< whoever it has not signed is refused; empty: anybody may come
};

}  // namespace tlscope
