// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "processor/text/field_text.h"
#include "processor/wire/payload_encoder.h"
#include "tlscope/v1/events.pb.h"

namespace tlscope {

void PayloadEncoder::Encode(const ProcessEvent& event) {
  Reserve(2 * kMaxTextBytes);
  using Fields = v1::ProcessDiscovered;
  const auto nested = out_.Begin(v1::BusEvent::kProcessDiscoveredFieldNumber, 60);
  out_.Varint(Fields::kPidFieldNumber, event.pid);
  out_.Bytes(Fields::kCommFieldNumber, FieldText(event.comm));
  out_.Bytes(Fields::kLibraryFieldNumber, FieldText(event.library));
  out_.End(nested);
}

void PayloadEncoder::Encode(const LibraryEvent& event) {
  Reserve(FieldText(event.path).size() + FieldText(event.error).size());
  using Fields = v1::LibraryFound;
  const auto nested = out_.Begin(v1::BusEvent::kLibraryFoundFieldNumber, 60);
  out_.Bytes(Fields::kPathFieldNumber, FieldText(event.path));
  out_.Varint(Fields::kStateFieldNumber, topic_ == Topic::kLibraryAttached   ? Fields::ATTACHED
                                         : topic_ == Topic::kLibraryDetached ? Fields::DETACHED
                                                                             : Fields::FAILED);
  out_.Bytes(Fields::kErrorFieldNumber, FieldText(event.error));
  out_.End(nested);
}

void PayloadEncoder::Encode(const CaptureStartedEvent& event) {
  const auto arguments = event.arguments.first(std::min(event.arguments.size(), kMaxListed));
  std::size_t bytes = FieldText(event.version).size() + FieldText(event.host).size() +
                      FieldText(event.instance).size() + FieldText(event.kernel).size();
  for (const std::string& argument : arguments) {
    bytes += FieldText(argument).size() + ProtoWriter::kMaxOverhead;
  }
  Reserve(bytes);
  using Fields = v1::CaptureStarted;
  const auto nested = out_.Begin(v1::BusEvent::kCaptureStartedFieldNumber, bytes + 16);
  out_.Bytes(Fields::kVersionFieldNumber, FieldText(event.version));
  out_.Bytes(Fields::kHostFieldNumber, FieldText(event.host));
  out_.Bytes(Fields::kInstanceFieldNumber, FieldText(event.instance));
  out_.Varint(Fields::kPidFieldNumber, event.pid);
  out_.Bytes(Fields::kKernelFieldNumber, FieldText(event.kernel));
  for (const std::string& argument : arguments) {
    out_.PutBytes(Fields::kArgumentsFieldNumber, FieldText(argument));
  }
  out_.End(nested);
}

void PayloadEncoder::Encode(const CaptureCompletedEvent& event) {
  Reserve(FieldText(event.reason).size());
  using Fields = v1::CaptureCompleted;
  const auto nested = out_.Begin(v1::BusEvent::kCaptureCompletedFieldNumber);
  out_.Varint(Fields::kMessagesFieldNumber, event.messages);
  out_.Varint(Fields::kBytesFieldNumber, event.bytes);
  out_.Varint(Fields::kLostBytesFieldNumber, event.lost_bytes);
  out_.Bytes(Fields::kReasonFieldNumber, FieldText(event.reason));
  out_.End(nested);
}

void PayloadEncoder::Encode(const CaptureCancelledEvent& event) {
  Reserve(FieldText(event.reason).size());
  const auto nested = out_.Begin(v1::BusEvent::kCaptureCancelledFieldNumber);
  out_.Bytes(v1::CaptureCancelled::kReasonFieldNumber, FieldText(event.reason));
  out_.End(nested);
}

void PayloadEncoder::Encode(const CapturePausedEvent& /*event*/) {
  Reserve(0);
  out_.PutBytes(v1::BusEvent::kCapturePausedFieldNumber, {});
}

void PayloadEncoder::Encode(const CaptureResumedEvent& event) {
  Reserve(0);
  const auto nested = out_.Begin(v1::BusEvent::kCaptureResumedFieldNumber);
  out_.Varint(v1::CaptureResumed::kSkippedBytesFieldNumber, event.skipped_bytes);
  out_.End(nested);
}

void PayloadEncoder::Encode(const ConfigChangedEvent& event) {
  Reserve(3 * kMaxTextBytes);
  using Fields = v1::ConfigChanged;
  const auto nested = out_.Begin(v1::BusEvent::kConfigChangedFieldNumber);
  out_.Bytes(Fields::kKeyFieldNumber, FieldText(event.key));
  out_.Bytes(Fields::kOldValueFieldNumber, FieldText(event.old_value));
  out_.Bytes(Fields::kNewValueFieldNumber, FieldText(event.new_value));
  out_.End(nested);
}

void PayloadEncoder::Encode(const CommandEvent& event) {
  Reserve(2 * kMaxTextBytes);
  using Fields = v1::CommandReceived;
  const auto nested = out_.Begin(v1::BusEvent::kCommandReceivedFieldNumber);
  out_.Bytes(Fields::kCommandFieldNumber, FieldText(event.command));
  out_.Varint(Fields::kUidFieldNumber, event.uid);
  out_.Varint(Fields::kPidFieldNumber, event.pid);
  out_.Bytes(Fields::kErrorFieldNumber, FieldText(event.error));
  out_.End(nested);
}

void PayloadEncoder::Encode(const ProgressEvent& event) {
  Reserve(2 * kMaxTextBytes);
  using Fields = v1::ProgressUpdate;
  const auto nested = out_.Begin(v1::BusEvent::kProgressUpdateFieldNumber);
  out_.Bytes(Fields::kTaskFieldNumber, FieldText(event.task));
  out_.Varint(Fields::kDoneFieldNumber, event.done);
  out_.Varint(Fields::kTotalFieldNumber, event.total);
  out_.Bytes(Fields::kUnitFieldNumber, FieldText(event.unit));
  out_.End(nested);
}

void PayloadEncoder::Encode(const StageEvent& event) {
  Reserve(0);
  const auto nested = out_.Begin(v1::BusEvent::kStageChangedFieldNumber);
  out_.Bytes(v1::StageChanged::kStageFieldNumber, StageName(event.stage));
  out_.Bytes(v1::StageChanged::kPreviousFieldNumber, StageName(event.previous));
  out_.End(nested);
}

void PayloadEncoder::Encode(const MetricEvent& event) {
  const auto labels = event.labels.first(std::min(event.labels.size(), kMaxListed));
  std::size_t bytes = FieldText(event.name).size();
  for (const auto& [key, value] : labels) {
    bytes += FieldText(key).size() + FieldText(value).size() + 3 * ProtoWriter::kMaxOverhead;
  }
  Reserve(bytes);
  using Fields = v1::MetricRecorded;
  const auto nested = out_.Begin(v1::BusEvent::kMetricRecordedFieldNumber);
  out_.Bytes(Fields::kNameFieldNumber, FieldText(event.name));
  for (const auto& [key, value] : labels) {
    // A map is a repeated message of key (1) and value (2): protobuf.dev, "Maps".
    const auto entry = out_.Begin(Fields::kLabelsFieldNumber);
    out_.Bytes(1, FieldText(key));
    out_.Bytes(2, FieldText(value));
    out_.End(entry);
  }
  out_.PutDouble(Fields::kValueFieldNumber, event.value);
  out_.End(nested);
}

void PayloadEncoder::Encode(const WarningEvent& event) {
  Reserve(FieldText(event.text).size());
  const auto nested = out_.Begin(v1::BusEvent::kWarningIssuedFieldNumber);
  out_.Bytes(v1::WarningIssued::kTextFieldNumber, FieldText(event.text));
  out_.End(nested);
}

void PayloadEncoder::Encode(const RateLimitEvent& event) {
  Reserve(0);
  using Fields = v1::RateLimitTriggered;
  const auto nested = out_.Begin(v1::BusEvent::kRateLimitTriggeredFieldNumber);
  out_.Varint(Fields::kLimitPerSecondFieldNumber, event.limit_per_second);
  out_.Varint(Fields::kDroppedFieldNumber, event.dropped);
  out_.End(nested);
}

void PayloadEncoder::Encode(const RetryEvent& event) {
  Reserve(2 * kMaxTextBytes);
  using Fields = v1::RetryScheduled;
  const auto nested = out_.Begin(v1::BusEvent::kRetryScheduledFieldNumber);
  out_.Bytes(Fields::kWhatFieldNumber, FieldText(event.what));
  out_.Bytes(Fields::kReasonFieldNumber, FieldText(event.reason));
  out_.Varint(Fields::kDelayMsFieldNumber, event.delay_ms);
  out_.End(nested);
}

void PayloadEncoder::Encode(const HeartbeatEvent& event) {
  Reserve(0);
  using Fields = v1::Heartbeat;
  const auto nested = out_.Begin(v1::BusEvent::kHeartbeatFieldNumber);
  out_.Varint(Fields::kBeatFieldNumber, event.beat);
  out_.Varint(Fields::kUptimeNsFieldNumber, event.uptime_ns);
  out_.Varint(Fields::kIntervalMsFieldNumber, event.interval_ms);
  out_.Bytes(Fields::kStageFieldNumber, StageName(event.stage));
  out_.End(nested);
}

}  // namespace tlscope
