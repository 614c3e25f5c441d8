// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "agent/control/capture_control.h"
#include "agent/options/capture_options.h"
#include "processor/base/result.h"
#include "processor/bus/event_bus.h"

namespace tlscope {

/// Whoever talks to a running agent talks to this thread: clients of its socket, readers of its
/// metrics. It also sends the heartbeats.
class ControlThread {
 public:
  /// Opens what the options ask for. The socket of an instance that nobody named is done without
  /// where another agent has it, with a warning. `bus` and `control` are borrowed and outlive it.
  static Result<std::unique_ptr<ControlThread>> Open(const CaptureOptions& options, EventBus& bus,
                                                     CaptureControl& control);
  ~ControlThread();
  ControlThread(const ControlThread&) = delete;
  ControlThread& operator=(const ControlThread&) = delete;

  /// Answers from now on.
  void Start();

  /// Lets clients read what has been published, for a second at most, and ends. Once, after Start.
  void Close();

 private:
  class Impl;
  explicit ControlThread(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace tlscope
