// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/probes/probe_session.h"
#include "processor/events/processor_stats.h"

namespace tlscope {

/// What can be counted of a loss.
enum class LossUnit : std::uint8_t {
  kEventsAndBytes,  ///< plaintext: seen bytes are delivered bytes and the bytes of these losses
  kEvents,
  kBytes,
};

/// What was lost for one reason. What its unit does not count is 0.
struct Loss {
  std::string_view cause;
  LossUnit unit = LossUnit::kEvents;
  std::uint64_t events = 0;
  std::uint64_t bytes = 0;
};

/// Every cause in the kernel, those included of which nothing was lost.
std::vector<Loss> KernelLosses(const KernelCounters& kernel);

/// Every cause in the kernel and the processor, and on the bus unless its count is nullopt, in the
/// order of the data's way.
std::vector<Loss> LossTable(const KernelCounters& kernel, const ProcessorStats& processor,
                            std::optional<std::uint64_t> rate_limited_events);

/// Two lines without their ends: "lost: ring full 1 (16 bytes), ..." has the plaintext,
/// "also lost: calls that never ended 0, ..." the rest.
std::vector<std::string> LossLines(const std::vector<Loss>& losses);

}  // namespace tlscope
