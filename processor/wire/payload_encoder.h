// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <variant>
#include <vector>

#include "processor/events/bus_events.h"
#include "processor/events/topic.h"
#include "processor/wire/bus_codec.h"
#include "processor/wire/connection_codec.h"
#include "processor/wire/proto_writer.h"
#include "tlscope/v1/events.pb.h"

namespace tlscope {

/// Writes one payload of any kind as the fields of a BusEvent: its connection, and its detail.
class PayloadEncoder {
 public:
  PayloadEncoder(Topic topic, const PayloadLimits& limits, std::vector<char>& buffer)
      : topic_(topic), limits_(limits), buffer_(buffer), out_(nullptr) {}

  /// The result points into the buffer.
  std::string_view Encode(const BusPayload& payload, EventKind& kind) {
    std::visit(
        [&](const auto& event) {
          kind = event.event_kind();
          Encode(event);
        },
        payload);
    return {buffer_.data(), static_cast<std::size_t>(out_.end() - buffer_.data())};
  }

 private:
  // Bytes that the fields of any event take, without the contents of strings.
  static constexpr std::size_t kFixedBytes = 1024;
  // Of lists that others make: what is written of them.
  static constexpr std::size_t kMaxListed = 64;

  void Reserve(std::size_t string_bytes) {
    const std::size_t bytes = kFixedBytes + string_bytes;
    if (buffer_.size() < bytes) buffer_.resize(std::max(bytes, 2 * buffer_.size()));
    out_ = ProtoWriter(buffer_.data());
  }

  std::int64_t UnixNs(std::uint64_t ktime_ns) const {
    return UnixNsOf(ktime_ns, limits_.realtime_offset_ns);
  }

  void PutConnection(const ConnectionInfo& connection, std::string_view uuid) {
    tlscope::PutConnection(v1::BusEvent::kConnectionFieldNumber, connection, uuid, out_);
  }

  void Direction(int field, DataType direction) {
    out_.Varint(field, static_cast<std::uint64_t>(direction));
  }

  // connection_payloads.cc
  void Encode(const MessageEvent& event);
  void Encode(const ExchangeEvent& event);
  void Encode(const FrameEvent& event);
  void Encode(const PlaintextEvent& event);
  void Encode(const HandshakeEvent& event);
  void Encode(const ProtocolEvent& event);
  void Encode(const ConnectionEvent& event);
  void Encode(const LossEvent& event);

  // agent_payloads.cc
  void Put(const v1::BusEvent& event);
  void Encode(const ProcessEvent& event);
  void Encode(const LibraryEvent& event);
  void Encode(const CaptureStartedEvent& event);
  void Encode(const CaptureCompletedEvent& event);
  void Encode(const CaptureCancelledEvent& event);
  void Encode(const CapturePausedEvent& event);
  void Encode(const CaptureResumedEvent& event);
  void Encode(const ConfigChangedEvent& event);
  void Encode(const CommandEvent& event);
  void Encode(const ProgressEvent& event);
  void Encode(const StageEvent& event);
  void Encode(const MetricEvent& event);
  void Encode(const WarningEvent& event);
  void Encode(const RateLimitEvent& event);
  void Encode(const RetryEvent& event);
  void Encode(const HeartbeatEvent& event);

  const Topic topic_;
  const PayloadLimits& limits_;
  std::vector<char>& buffer_;
  ProtoWriter out_;
};

}  // namespace tlscope
