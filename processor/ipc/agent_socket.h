// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>

#include "processor/base/result.h"
#include "processor/base/unique_fd.h"
#include "processor/ipc/access.h"

namespace tlscope {

inline constexpr const char* kDefaultRuntimeDir = "/run/tlscope";
inline constexpr const char* kDefaultInstance = "default";

/// Which agent of this host.
struct Instance {
  std::string runtime_dir = kDefaultRuntimeDir;
  std::string name = kDefaultInstance;
};

/// `<runtime dir>/<name>/control.sock`. Fails for what is no name, and for a path that no Unix
/// domain socket can have.
Result<std::string> SocketPath(const Instance& instance);

/// The socket on which an agent listens, in a folder that nobody else can write to. One agent at a
/// time has it: it holds a lock in the folder for as long as this lives.
class ListeningSocket {
 public:
  struct Options {
    Instance instance = {};
    std::optional<Group> group = {};  ///< its members may connect
    bool is_public = false;           ///< anybody may connect
  };

  /// Makes the folders and the socket, in place of one that an agent left behind. Fails when the
  /// instance is running, and when somebody else could put a socket there.
  static Result<ListeningSocket> Open(const Options& options);
  ~ListeningSocket();
  ListeningSocket(ListeningSocket&&) noexcept = default;
  ListeningSocket& operator=(ListeningSocket&&) = delete;

  /// Listening, does not block.
  int fd() const { return socket_.get(); }
  const std::string& path() const { return path_; }

  /// Listens no longer, removes the socket's file, if it is still this one, and lets go of the
  /// lock. Who is connected stays connected.
  void Remove();

 private:
  ListeningSocket() = default;

  std::string path_;
  UniqueFd folder_;
  UniqueFd lock_;
  UniqueFd socket_;
  dev_t device_ = 0;  // of the socket's file
  ino_t inode_ = 0;
};

}  // namespace tlscope
