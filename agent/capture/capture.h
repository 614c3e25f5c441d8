// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>

#include "agent/capture/ring_consumer.h"
#include "agent/control/capture_control.h"
#include "agent/options/capture_options.h"
#include "agent/probes/probe_session.h"
#include "agent/this_process/stop_signal.h"
#include "processor/base/result.h"
#include "processor/bus/event_bus.h"

namespace tlscope {

/// What a RingConsumer is made of; all of it outlives the consumer.
struct CaptureParts {
  const CaptureOptions& options;
  const ProbeSession& probes;
  const StopSignal& stop;
  EventBus& bus;
  CaptureControl& control;
};

using OpenRingConsumer =
    std::function<Result<std::unique_ptr<RingConsumer>>(const CaptureParts& parts)>;

/// Captures until SIGINT, SIGTERM or the end of its output, then prints the summary. Blocks; owns
/// the process's signals while it runs.
Result<void> RunCapture(const CaptureOptions& options);

/// The same with another consumer, which `open` makes once the programs are in the kernel.
Result<void> RunCapture(const CaptureOptions& options, const OpenRingConsumer& open);

}  // namespace tlscope
