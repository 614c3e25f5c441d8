// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>
#include <sys/un.h>

#include <cstddef>
#include <optional>
#include <string>

#include "processor/base/result.h"
#include "processor/base/unique_fd.h"

namespace tlscope {

/// The path of a socket ends with a NUL inside sun_path (unix(7)).
inline constexpr std::size_t kMaxSocketPathBytes = sizeof(sockaddr_un::sun_path) - 1;

struct UnixListenerOptions {
  std::string path = {};  ///< at most kMaxSocketPathBytes, without a NUL
  /// The one that `path` is in, for when others might put another in its place meanwhile.
  UniqueFd folder = {};
  mode_t mode = 0600;               ///< whatever the umask
  std::optional<gid_t> group = {};  ///< that the socket is given to
};

/// A Unix domain socket that listens, and its file, which goes with it. One thread.
class UnixListener {
 public:
  /// Replaces a socket on which nobody listens any longer, because who did was killed. Until the
  /// mode is set, nobody but its owner can connect. Fails with kSystem and EADDRINUSE when somebody
  /// listens there, with kUsage when the path is a file of another kind, and when the socket cannot
  /// be made.
  static Result<UnixListener> Open(UnixListenerOptions options);
  ~UnixListener() { Remove(); }
  UnixListener(UnixListener&&) noexcept = default;
  UnixListener& operator=(UnixListener&&) = delete;

  /// Listening, does not block.
  int fd() const { return socket_.get(); }
  const std::string& path() const { return path_; }

  /// Listens no longer, and removes the file if it is still this socket's. Who is connected stays
  /// connected. Does nothing after the first time.
  void Remove();

 private:
  UnixListener() = default;

  std::string path_;
  UniqueFd folder_;
  UniqueFd socket_;
  dev_t device_ = 0;  // of the socket's file
  ino_t inode_ = 0;
};

}  // namespace tlscope
