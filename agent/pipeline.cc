// SPDX-License-Identifier: Apache-2.0
#include "agent/pipeline.h"

#include <unistd.h>

#include <bit>
#include <cstddef>
#include <cstdlib>
#include <span>
#include <utility>

#include "agent/color.h"
#include "agent/live_settings.h"
#include "processor/clock.h"
#include "processor/formats/line_format.h"
#include "processor/formats/protoset.h"
#include "processor/formats/text_format.h"

namespace tlscope {
namespace {

// The option that says what is kept of a body.
const char* BodyLimitName(const CaptureOptions& options) {
  if (options.headers_only) return "--headers-only";
  return BodyLimitOf(options) < options.message_bytes ? "--max-body" : "--tsize";
}

bool UseColor(ColorMode mode, bool terminal) {
  return mode == ColorMode::kAuto ? WantsColor(terminal) : mode == ColorMode::kAlways;
}

Result<std::shared_ptr<Protoset>> OpenProtoset(const CaptureOptions& options) {
  if (options.protoset_path.empty()) return nullptr;
  auto protoset = Protoset::Open(options.protoset_path);
  if (!protoset) return tl::make_unexpected(protoset.error());
  return std::shared_ptr<Protoset>(std::move(*protoset));
}

std::unique_ptr<Format> MakeFormat(const CaptureOptions& options,
                                   std::shared_ptr<Protoset> protoset) {
  if (options.format == OutputFormat::kLine)
    return std::make_unique<LineFormat>(RealtimeOffsetNs());
  const bool terminal = isatty(STDOUT_FILENO) == 1;
  TextFormatOptions text;
  text.realtime_offset_ns = RealtimeOffsetNs();
  text.escape_control = terminal;
  text.color = UseColor(options.color, terminal);
  text.pretty_json = options.pretty_json;
  text.body_view = options.body_view;
  text.cut_by = BodyLimitName(options);
  text.protoset = std::move(protoset);
  return std::make_unique<TextFormat>(text);
}

ProcessorOptions ProcessorOptionsOf(const CaptureOptions& options) {
  ProcessorOptions processor;
  processor.limits.body_bytes = BodyLimitOf(options);
  processor.limits.decode_content = !options.raw_body;
  processor.ports = options.ports;
  return processor;
}

FdSinkOptions StdoutOptions(const PipelineHooks& hooks) {
  FdSinkOptions sink;
  sink.on_failure = hooks.on_output_failure;
  return sink;
}

}  // namespace

std::uint64_t RingBytes(const CaptureOptions& options) {
  return std::bit_ceil(std::uint64_t{options.ring_mib} << 20);
}

Result<std::unique_ptr<Pipeline>> Pipeline::Open(const CaptureOptions& options,
                                                 const ProbeSession& probes, EventBus& bus,
                                                 PipelineHooks hooks) {
  auto sink = FdSink::Open(STDOUT_FILENO, StdoutOptions(hooks));
  if (!sink) return tl::make_unexpected(sink.error());
  auto protoset = OpenProtoset(options);
  if (!protoset) return tl::make_unexpected(protoset.error());
  std::unique_ptr<Pipeline> pipeline(new Pipeline(options, bus, std::move(hooks), std::move(*sink),
                                                  MakeFormat(options, std::move(*protoset))));
  auto reader = RingReader::Open(
      probes, RingBytes(options),
      [self = pipeline.get()](std::span<const std::byte> record) {
        self->processor_.SetBodyLimit(self->hooks_.body_limit_bytes());
        self->processor_.OnRecord(record);
      },
      [self = pipeline.get()] { self->OnPause(); });
  if (!reader) return tl::make_unexpected(reader.error());
  pipeline->reader_ = std::move(*reader);
  return pipeline;
}

Pipeline::Pipeline(const CaptureOptions& options, EventBus& bus, PipelineHooks hooks,
                   std::unique_ptr<FdSink> sink, std::unique_ptr<Format> format)
    : hooks_(std::move(hooks)),
      sink_(std::move(sink)),
      output_(std::move(format), *sink_),
      processor_(ProcessorOptionsOf(options), bus) {
  const auto subscribe = [&](const char* pattern) {
    if (!bus.Subscribe(pattern, output_)) std::abort();  // the patterns are ours
  };
  for (const char* pattern : {"events.http.request", "events.http.response", "events.http.exchange",
                              "events.websocket.message", "events.tls.data", "events.tls.lost"}) {
    subscribe(pattern);
  }
  if (options.show_frames) subscribe("events.http.frame");
  if (options.show_handshakes) subscribe("events.tls.handshake");
}

void Pipeline::Start() {
  thread_ = std::jthread([this] { reader_->Run(stopping_); });
}

void Pipeline::OnPause() {
  const std::uint64_t now_ns = MonotonicNs();
  processor_.Tick(now_ns);
  hooks_.on_tick(processor_.stats(), now_ns);
}

void Pipeline::Drain() {
  stopping_.store(true, std::memory_order_release);
  thread_.join();
  processor_.Close(MonotonicNs());
}

}  // namespace tlscope
