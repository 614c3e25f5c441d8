// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/socket.h>
#include <sys/types.h>

#include <cstdint>
#include <string>

#include "processor/base/result.h"
#include "processor/base/unique_fd.h"

namespace tlscope {

/// Where a collector listens, as the user wrote it.
struct ListenTarget {
  enum class Kind : std::uint8_t { kUnix, kTcp, kTls };
  Kind kind;
  std::string place;  ///< a path, or ADDRESS:PORT
  std::string url;    ///< all of it

  /// `unix:///path`, `tcp://ADDRESS:PORT`, `tls://ADDRESS:PORT`; kUsage for anything else.
  static Result<ListenTarget> Parse(const std::string& url);
};

/// A socket on which a collector listens; one of the file system goes with it. One thread.
class ListenSocket {
 public:
  /// A Unix domain socket is its owner's alone (0600) and replaces one on which nobody listens any
  /// longer. Fails when somebody does, and when the address or the path cannot be had.
  static Result<ListenSocket> Open(const ListenTarget& target);
  ~ListenSocket();
  ListenSocket(ListenSocket&&) noexcept = default;
  ListenSocket& operator=(ListenSocket&&) = delete;

  /// Listening, does not block.
  int fd() const { return fd_.get(); }
  int family() const { return family_; }
  /// As it was asked for, with the port that it got where 0 was asked for.
  const std::string& url() const { return url_; }

 private:
  ListenSocket() = default;
  static Result<ListenSocket> OpenUnix(const ListenTarget& target);
  static Result<ListenSocket> OpenTcp(const ListenTarget& target);

  UniqueFd fd_;
  int family_ = AF_UNSPEC;
  std::string url_;
  std::string path_;  // of a Unix domain socket
  dev_t device_ = 0;  // of its file
  ino_t inode_ = 0;
};

}  // namespace tlscope
