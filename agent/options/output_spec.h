// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "processor/base/result.h"
#include "processor/formats/format_kind.h"
#include "processor/net/stream_address.h"
#include "processor/sinks/kafka/kafka_address.h"

namespace tlscope {

/// Where an output goes.
enum class OutputTarget : std::uint8_t { kStdout, kFile, kUnix, kTcp, kTls, kKafka };

/// One `-o [FORMAT:]TARGET`.
struct OutputSpec {
  FormatKind format = FormatKind::kText;
  OutputTarget target = OutputTarget::kStdout;
  std::string path;      ///< of a file: a pattern of strftime(3) in its last part
  StreamAddress stream;  ///< of unix, tcp and tls
  KafkaAddress kafka;
  std::string text;  ///< as it was given

  /// What messages to people call it.
  std::string Name() const { return target == OutputTarget::kStdout ? "standard output" : text; }
  bool network() const { return target >= OutputTarget::kUnix; }
};

/// Reads `[FORMAT:]TARGET`: `-`, a path, or a URL (unix:///path, tcp://host:port, tls://host:port,
/// kafka://brokers/topic). A format that is left out follows from the target: text for standard
/// output, by its extension for a path, protobuf for a URL. Fails with kUsage and what would do.
Result<OutputSpec> ParseOutputSpec(std::string_view text);

/// Whether its reader is a terminal. kUsage when that is no place for its format.
Result<bool> GoesToTerminal(const OutputSpec& spec);

/// All of them, and whether they go together: each target once.
Result<std::vector<OutputSpec>> ParseOutputSpecs(const std::vector<std::string>& texts);

}  // namespace tlscope
