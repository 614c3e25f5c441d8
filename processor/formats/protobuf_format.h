// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "processor/formats/format.h"
#include "processor/wire/bus_codec.h"

namespace tlscope {

struct ProtobufFormatOptions {
  /// CLOCK_REALTIME minus CLOCK_MONOTONIC.
  std::int64_t realtime_offset_ns = 0;
  /// Of the program and the process that write, for Hello.
  std::string version = {};
  std::uint32_t pid = 0;
  /// Whose stream it is, for Hello.
  AgentIdentity agent = {};
  /// Plaintext is in the stream as it passed, too.
  bool plaintext = false;
  /// "key=value" each: every entry has them.
  std::vector<std::string> tags = {};
  /// Each entry stands behind its length, and outputs begin with Hello. Without, a block is one
  /// LogEntry and nothing else, for carriers that keep messages apart.
  bool delimited = true;
};

/// tlscope.v1.LogEntry (proto/tlscope/v1/output.proto): messages as Event, whatever else is known
/// of a connection, and what the rate limit dropped, as BusEvent. Entries are numbered from 1 as
/// they are appended; a gap in the numbers is all that tells of those a sink dropped.
class ProtobufFormat final : public Format {
 public:
  explicit ProtobufFormat(ProtobufFormatOptions options);

  void Append(const BusPayload& payload, std::string& out) override;

  /// Appends an entry that another agent has written, as it is, with the name of that agent added
  /// where one is set. Does not number it. `entry`: without its length.
  void AppendEntry(std::string_view entry, std::string& out) const;

  /// Hello with next_sequence 0; empty where entries are not delimited.
  std::string Start() const override;

  /// The same for a connection whose first entry has this number; delimited. Any thread.
  std::string Hello(std::uint64_t next_sequence) const;

 private:
  void AppendMessage(const MessageEvent& event, std::string& out);
  void AppendBusEvent(Topic topic, std::uint64_t ktime_ns, const BusPayload& payload,
                      std::string& out);
  std::string_view EncodeEnd();
  void PutPieces(const std::vector<std::string_view>& pieces, std::string& out) const;

  const ProtobufFormatOptions options_;
  const PayloadLimits limits_;
  const std::string event_tags_;  // encoded, as an Event has them
  const std::string bus_tags_;    // encoded, as a Correlation has them
  std::uint64_t sequence_ = 0;    // of the latest entry
  // What is built of an entry, to be put together in its order: kept for their memory.
  std::vector<char> head_;
  std::vector<char> middle_;
  std::vector<char> payload_;
  std::string end_;
  std::vector<std::string_view> pieces_;
};

}  // namespace tlscope
