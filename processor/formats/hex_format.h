// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "processor/formats/format.h"
#include "processor/formats/header_line.h"

namespace tlscope {

/// The header lines of the text format, each message as a dump of all its bytes (head, body and
/// trailers one after the other, `Length` of them) in the layout of `hexdump -C`, and an empty
/// line. Bytes that never reached the agent or were not kept are not in the dump: the header line
/// tells their number as `Lost` and `Cut`. Nothing in it acts on a terminal.
class HexFormat final : public Format {
 public:
  /// `realtime_offset_ns`: CLOCK_REALTIME minus CLOCK_MONOTONIC.
  explicit HexFormat(std::int64_t realtime_offset_ns) : header_(realtime_offset_ns) {}

  void Append(const BusPayload& payload, std::string& out) override;
  std::string Dropped(std::uint64_t blocks, std::uint64_t bytes) const override;

 private:
  void AppendMessage(const MessageEvent& event, std::string& out);

  HeaderLine header_;
};

}  // namespace tlscope
