// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include "processor/base/result.h"
#include "processor/base/unique_fd.h"

namespace tlscope {

/// What a signal can ask of a running agent, besides to stop: SIGHUP to read its configuration
/// again, SIGUSR1 to say how it is.
class RequestSignals {
 public:
  struct Handlers {
    std::function<void()> on_reload;
    std::function<void()> on_status;
  };

  /// Call before any thread is started, so that all of them inherit the blocked signals. Without
  /// `with_reload`, SIGHUP stays what it was: the end of the terminal is the end of the agent.
  static Result<RequestSignals> Open(bool with_reload);

  /// Readable when there is something to Dispatch.
  int fd() const { return fd_.get(); }

  /// Calls the handler of each signal that has come; of several alike once.
  void Dispatch(const Handlers& handlers) const;

 private:
  RequestSignals() = default;
  UniqueFd fd_;
};

}  // namespace tlscope
