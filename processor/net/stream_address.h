// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "processor/base/result.h"

namespace tlscope {

/// Where a byte stream goes.
struct StreamAddress {
  enum class Kind : std::uint8_t { kUnix, kTcp, kTls };

  Kind kind = Kind::kTcp;
  std::string path = {};   ///< of a Unix domain socket, as given; at most kMaxUnixPath bytes
  std::string host = {};   ///< a name or an IP address, this one without brackets
  std::uint16_t port = 0;  ///< not 0, but for a Unix domain socket

  /// sockaddr_un's path without the zero at its end.
  static constexpr std::size_t kMaxUnixPath = 107;

  /// "unix:///run/x.sock", "tcp://host:4317", "tls://[::1]:4317".
  std::string Url() const;

  bool operator==(const StreamAddress&) const = default;
};

/// Reads what Url() writes. kUsage when it is nothing of the kind; there is no default port.
Result<StreamAddress> ParseStreamAddress(const std::string& url);

/// How a client proves and checks who is who. Files are PEM.
struct TlsOptions {
  /// Whom to trust; empty: whom the system trusts.
  std::string ca_file = {};
  /// The client's own, for servers that ask for one, and its key; the key's empty: it is in the
  /// certificate's file.
  std::string certificate_file = {};
  std::string key_file = {};
  /// Who the server has to be, and is asked to be (SNI); empty: the address's host.
  std::string server_name = {};
  /// False: whoever answers is the server. For tests by hand; nothing is secret then.
  bool verify = true;
};

}  // namespace tlscope
