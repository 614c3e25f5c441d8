// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <optional>
#include <string>

#include "processor/base/result.h"
#include "processor/base/unique_fd.h"
#include "processor/net/server/unix_listener.h"

namespace tlscope {

/// Where to listen, as the user wrote it.
struct ListenTarget {
  enum class Kind : std::uint8_t { kUnix, kTcp, kTls };
  Kind kind;
  std::string place;  ///< a path, or ADDRESS:PORT
  std::string url;    ///< all of it

  /// `unix:///path`, `tcp://ADDRESS:PORT`, `tls://ADDRESS:PORT`; kUsage for anything else.
  static Result<ListenTarget> Parse(const std::string& url);
};

/// A socket that listens; one of the file system goes with it. One thread.
class ListenSocket {
 public:
  /// A Unix domain socket is its owner's alone (0600) and replaces one on which nobody listens any
  /// longer. Fails when somebody does, and when the address or the path cannot be had.
  static Result<ListenSocket> Open(const ListenTarget& target);

  /// Listening, does not block.
  int fd() const { return fd_ ? fd_.get() : unix_->fd(); }
  int family() const { return family_; }
  /// That it got where 0 was asked for; 0 for a Unix domain socket.
  std::uint16_t port() const { return port_; }
  /// As it was asked for, with the port.
  const std::string& url() const { return url_; }

 private:
  ListenSocket() = default;
  static Result<ListenSocket> OpenUnix(const ListenTarget& target);
  static Result<ListenSocket> OpenTcp(const ListenTarget& target);

  UniqueFd fd_;                       // of TCP
  std::optional<UnixListener> unix_;  // when that is none
  int family_ = AF_UNSPEC;
  std::uint16_t port_ = 0;
  std::string url_;
};

}  // namespace tlscope
