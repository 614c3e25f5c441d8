// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "processor/base/result.h"
#include "processor/base/unique_fd.h"
#include "processor/ipc/access.h"
#include "processor/net/server/unix_listener.h"

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
class AgentSocket {
 public:
  struct Options {
    Instance instance = {};
    std::optional<Group> group = {};  ///< its members may connect
    bool is_public = false;           ///< anybody may connect
  };

  /// Makes the folders and the socket, in place of one that an agent left behind. Fails when the
  /// instance is running, and when somebody else could put a socket there.
  static Result<AgentSocket> Open(const Options& options);
  ~AgentSocket() { Remove(); }
  AgentSocket(AgentSocket&&) noexcept = default;
  AgentSocket& operator=(AgentSocket&&) = delete;

  /// Listening, does not block.
  int fd() const { return listener_.fd(); }
  const std::string& path() const { return listener_.path(); }

  /// Listens no longer, removes the socket's file, if it is still this one, and lets go of the
  /// lock. Who is connected stays connected.
  void Remove();

 private:
  AgentSocket(UniqueFd lock, UnixListener listener)
      : lock_(std::move(lock)), listener_(std::move(listener)) {}

  UniqueFd lock_;  // goes last: whoever gets it finds no socket
  UnixListener listener_;
};

}  // namespace tlscope
