// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>

#include "agent/options/output_options.h"
#include "processor/base/result.h"
#include "processor/formats/format.h"
#include "processor/formats/format_kind.h"

namespace tlscope {

/// Where the events of a format come from and where it goes, as far as it matters to the format.
struct FormatContext {
  std::int64_t realtime_offset_ns = 0;  ///< CLOCK_REALTIME minus the clock of the events
  bool terminal = false;                ///< bytes of messages must not act on it
  AgentIdentity identity = {};          ///< of this program and this output
  bool delimited = true;  ///< protobuf stands behind its length; false: carriers keep it apart
};

/// A format as the options want it. Fails when the file of descriptors cannot be read.
Result<std::shared_ptr<Format>> MakeFormat(FormatKind kind, const OutputOptions& options,
                                           const FormatContext& context);

}  // namespace tlscope
