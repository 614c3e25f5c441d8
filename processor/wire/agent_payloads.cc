// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <string>

#include "processor/text/field_text.h"
#include "processor/wire/payload_encoder.h"
#include "tlscope/v1/events.pb.h"

namespace tlscope {
namespace {

std::string Text(std::string_view text) { return std::string(std::string_view(FieldText(text))); }

}  // namespace

// Such events are rare: they take the way through the generated classes, which copy every string
// once more than the events of connections can afford.
void PayloadEncoder::Put(const v1::BusEvent& event) {
  const std::string bytes = event.SerializeAsString();
  Reserve(bytes.size());
  out_.Raw(bytes);
}

void PayloadEncoder::Encode(const ProcessEvent& event) {
  v1::BusEvent written;
  v1::ProcessDiscovered& detail = *written.mutable_process_discovered();
  detail.set_pid(event.pid);
  detail.set_comm(Text(event.comm));
  detail.set_library(Text(event.library));
  Put(written);
}

void PayloadEncoder::Encode(const LibraryEvent& event) {
  v1::BusEvent written;
  v1::LibraryFound& detail = *written.mutable_library_found();
  detail.set_path(Text(event.path));
  detail.set_state(topic_ == Topic::kLibraryAttached   ? v1::LibraryFound::ATTACHED
                   : topic_ == Topic::kLibraryDetached ? v1::LibraryFound::DETACHED
                                                       : v1::LibraryFound::FAILED);
  detail.set_error(Text(event.error));
  Put(written);
}

void PayloadEncoder::Encode(const CaptureStartedEvent& event) {
  v1::BusEvent written;
  v1::CaptureStarted& detail = *written.mutable_capture_started();
  detail.set_version(Text(event.version));
  detail.set_host(Text(event.host));
  detail.set_instance(Text(event.instance));
  detail.set_pid(event.pid);
  detail.set_kernel(Text(event.kernel));
  for (const std::string& argument :
       event.arguments.first(std::min(event.arguments.size(), kMaxListed))) {
    detail.add_arguments(Text(argument));
  }
  Put(written);
}

void PayloadEncoder::Encode(const CaptureCompletedEvent& event) {
  v1::BusEvent written;
  v1::CaptureCompleted& detail = *written.mutable_capture_completed();
  detail.set_messages(event.messages);
  detail.set_bytes(event.bytes);
  detail.set_lost_bytes(event.lost_bytes);
  detail.set_reason(Text(event.reason));
  Put(written);
}

void PayloadEncoder::Encode(const CaptureCancelledEvent& event) {
  v1::BusEvent written;
  written.mutable_capture_cancelled()->set_reason(Text(event.reason));
  Put(written);
}

void PayloadEncoder::Encode(const CapturePausedEvent& /*event*/) {
  v1::BusEvent written;
  written.mutable_capture_paused();
  Put(written);
}

void PayloadEncoder::Encode(const CaptureResumedEvent& event) {
  v1::BusEvent written;
  written.mutable_capture_resumed()->set_skipped_bytes(event.skipped_bytes);
  Put(written);
}

void PayloadEncoder::Encode(const ConfigChangedEvent& event) {
  v1::BusEvent written;
  v1::ConfigChanged& detail = *written.mutable_config_changed();
  detail.set_key(Text(event.key));
  detail.set_old_value(Text(event.old_value));
  detail.set_new_value(Text(event.new_value));
  Put(written);
}

void PayloadEncoder::Encode(const CommandEvent& event) {
  v1::BusEvent written;
  v1::CommandReceived& detail = *written.mutable_command_received();
  detail.set_command(Text(event.command));
  detail.set_uid(event.uid);
  detail.set_pid(event.pid);
  detail.set_error(Text(event.error));
  Put(written);
}

void PayloadEncoder::Encode(const ProgressEvent& event) {
  v1::BusEvent written;
  v1::ProgressUpdate& detail = *written.mutable_progress_update();
  detail.set_task(Text(event.task));
  detail.set_done(event.done);
  detail.set_total(event.total);
  detail.set_unit(Text(event.unit));
  Put(written);
}

void PayloadEncoder::Encode(const StageEvent& event) {
  v1::BusEvent written;
  v1::StageChanged& detail = *written.mutable_stage_changed();
  detail.set_stage(std::string(StageName(event.stage)));
  detail.set_previous(std::string(StageName(event.previous)));
  Put(written);
}

// Not through the generated class: in a build with ThreadSanitizer the library's headers give a map
// another layout than the installed library was built with.
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
  v1::BusEvent written;
  written.mutable_warning_issued()->set_text(Text(event.text));
  Put(written);
}

void PayloadEncoder::Encode(const RateLimitEvent& event) {
  v1::BusEvent written;
  v1::RateLimitTriggered& detail = *written.mutable_rate_limit_triggered();
  detail.set_limit_per_second(event.limit_per_second);
  detail.set_dropped(event.dropped);
  Put(written);
}

void PayloadEncoder::Encode(const RetryEvent& event) {
  v1::BusEvent written;
  v1::RetryScheduled& detail = *written.mutable_retry_scheduled();
  detail.set_what(Text(event.what));
  detail.set_reason(Text(event.reason));
  detail.set_delay_ms(event.delay_ms);
  Put(written);
}

void PayloadEncoder::Encode(const HeartbeatEvent& event) {
  v1::BusEvent written;
  v1::Heartbeat& detail = *written.mutable_heartbeat();
  detail.set_beat(event.beat);
  detail.set_uptime_ns(event.uptime_ns);
  detail.set_interval_ms(event.interval_ms);
  detail.set_stage(std::string(StageName(event.stage)));
  Put(written);
}

}  // namespace tlscope
