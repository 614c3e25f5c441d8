// SPDX-License-Identifier: Apache-2.0
#include "agent/outputs/outputs.h"

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <utility>

#include "agent/options/output_command_line.h"
#include "agent/outputs/make_format.h"
#include "agent/terminal/warning.h"
#include "agent/this_process/host_name.h"
#include "processor/base/keyed_hash.h"
#include "processor/formats/protobuf_format.h"
#include "processor/sinks/fd_sink.h"
#include "processor/sinks/files/file_sink.h"
#include "processor/sinks/kafka/kafka_sink.h"
#include "processor/sinks/stream/stream_sink.h"

namespace tlscope {
namespace {

// Queued where whoever makes messages waits: enough to keep both threads busy.
constexpr std::uint64_t kWaitingQueueBytes = 8U << 20;

/// Whether it says that whoever read has seen enough.
bool IsReaderGone(int error_number) { return error_number == EPIPE || error_number == ECONNRESET; }

/// What follows when standard output fails.
const char* WhatNow(bool over, bool unread, bool alone) {
  if (!over) return "messages are dropped until it works again";
  if (alone) return "there is no other output";
  return unread ? "nobody reads it any longer; the other outputs go on" : "the other outputs go on";
}

DropMarker MarkerOf(const std::shared_ptr<Format>& format) {
  return [format](std::uint64_t blocks, std::uint64_t bytes) {
    return format->Dropped(blocks, bytes);
  };
}

/// What a format is made of. It ignores what it does not show.
std::vector<const char*> PatternsOf(FormatKind kind, const OutputOptions& options) {
  if (kind == FormatKind::kPcapng) return {"events.tls.plaintext", "events.conn.closed"};
  std::vector<const char*> patterns{"events.http.request",  "events.http.response",
                                    "events.http.exchange", "events.websocket.message",
                                    "events.tls.data",      "events.tls.lost"};
  if (options.show_frames) patterns.push_back("events.http.frame");
  if (options.show_handshakes) patterns.push_back("events.tls.handshake");
  if (kind == FormatKind::kProtobuf && options.plaintext) {
    for (const char* pattern : PatternsOf(FormatKind::kPcapng, options)) {
      patterns.push_back(pattern);
    }
  }
  return patterns;
}

BlockQueueOptions QueueOptionsOf(WhenFull when_full, DropMarker marker) {
  BlockQueueOptions queue;
  queue.when_full = when_full;
  if (when_full == WhenFull::kWait) queue.queue_bytes = kWaitingQueueBytes;
  queue.marker = std::move(marker);
  return queue;
}

Result<std::unique_ptr<Sink>> OpenStdout(
    WhenFull when_full, DropMarker marker,
    std::function<void(int error_number, bool over)> on_failure) {
  FdSinkOptions options;
  options.queue = QueueOptionsOf(when_full, std::move(marker));
  options.on_failure = std::move(on_failure);
  return FdSink::Open(STDOUT_FILENO, std::move(options));
}

Result<std::unique_ptr<Sink>> OpenFile(const OutputSpec& spec, const RotationOptions& rotation,
                                       WhenFull when_full, const std::shared_ptr<Format>& format,
                                       std::function<void(const Error& error)> on_failure) {
  FileSinkOptions options;
  options.pattern = spec.path;
  options.queue = QueueOptionsOf(when_full, MarkerOf(format));
  options.rotate_bytes = rotation.bytes;
  options.rotate_period = rotation.period;
  options.gzip = rotation.gzip;
  options.keep = rotation.keep;
  options.first_block = [format] { return format->Start(); };
  options.on_failure = std::move(on_failure);
  if (InfoOf(spec.format).binary) {
    options.block_end.clear();
    options.begin_anew = true;
  }
  return FileSink::Open(options);
}

std::uint64_t SpoolBytes(const OutputOptions& options) {
  return std::uint64_t{options.spool_mib} << 20;
}

Result<std::unique_ptr<Sink>> OpenStream(const OutputSpec& spec, const OutputOptions& options,
                                         const std::shared_ptr<Format>& format,
                                         const OutputHooks& hooks) {
  StreamSinkOptions stream;
  stream.address = spec.stream;
  stream.tls = {options.tls_ca, options.tls_cert, options.tls_key, options.tls_server_name};
  stream.spool_bytes = SpoolBytes(options);
  stream.when_full = options.when_full;
  stream.framed = spec.format == FormatKind::kProtobuf;
  if (stream.framed) {
    stream.start = [protobuf = std::static_pointer_cast<ProtobufFormat>(format)](
                       std::uint64_t next_sequence) { return protobuf->Hello(next_sequence); };
  } else {
    stream.start = [format](std::uint64_t) { return format->Start(); };
    stream.marker = MarkerOf(format);
  }
  stream.on_connected = [hooks, name = spec.Name()] {
    if (hooks.on_connected) hooks.on_connected(name);
  };
  stream.on_failure = [hooks, name = spec.Name()](const Error& error,
                                                  std::chrono::milliseconds retry_delay) {
    if (hooks.on_retry) hooks.on_retry(name, error, retry_delay);
  };
  return StreamSink::Open(std::move(stream));
}

KafkaFraming FramingOf(FormatKind format) {
  // Protobuf is not delimited for Kafka.
  return format == FormatKind::kProtobuf ? KafkaFraming::kNone : KafkaFraming::kNewline;
}

Result<std::unique_ptr<Sink>> OpenKafka(const OutputSpec& spec, const OutputOptions& options,
                                        const OutputHooks& hooks) {
  KafkaSinkOptions kafka;
  kafka.address = spec.kafka;
  kafka.properties = options.kafka_options;
  kafka.framing = FramingOf(spec.format);
  kafka.queue_bytes = SpoolBytes(options);
  kafka.when_full = options.when_full;
  kafka.on_connected = [hooks, name = spec.Name()] {
    if (hooks.on_connected) hooks.on_connected(name);
  };
  kafka.on_failure = hooks.on_failure;
  kafka.on_log = [](const std::string& text) { spdlog::debug("librdkafka: {}", text); };
  return KafkaSink::Open(std::move(kafka));
}

}  // namespace

OutputHooks OutputHooksOf(EventBus& bus, const StopSignal& stop) {
  OutputHooks hooks;
  hooks.on_failure = [&bus](const Error& error) { Warn(bus, error.Describe()); };
  hooks.on_retry = [&bus](const std::string& name, const Error& error,
                          std::chrono::milliseconds delay) {
    Warn(bus, error.Describe() + "; messages are kept up to --spool-mib until it works");
    bus.Publish(Topic::kHealthDiagnostics,
                RetryEvent{name, error.Describe(), static_cast<std::uint64_t>(delay.count())});
  };
  hooks.on_connected = [](const std::string& name) { spdlog::info("connected to {}", name); };
  hooks.on_over = [&stop] { stop.Raise(StopReason::kOutputClosed); };
  return hooks;
}

Result<std::unique_ptr<Outputs>> Outputs::Open(const OutputOptions& options, EventBus& bus,
                                               std::int64_t realtime_offset_ns, OutputHooks hooks) {
  TLSCOPE_TRY(const auto specs, OutputsOf(options));
  std::unique_ptr<Outputs> outputs(new Outputs(std::move(hooks), specs.size()));
  for (const OutputSpec& spec : specs) {
    TLSCOPE_TRY(outputs->Add(spec, options, realtime_offset_ns));
  }
  // Not before all are open: the bus keeps those who have subscribed.
  for (std::size_t i = 0; i < specs.size(); ++i) {
    for (const char* pattern : PatternsOf(specs[i].format, options)) {
      if (!bus.Subscribe(pattern, *outputs->entries_[i].output)) std::abort();  // they are ours
    }
  }
  return outputs;
}

Result<void> Outputs::Add(const OutputSpec& spec, const OutputOptions& options,
                          std::int64_t realtime_offset_ns) {
  TLSCOPE_TRY(const auto terminal, GoesToTerminal(spec));
  FormatContext context;
  context.realtime_offset_ns = realtime_offset_ns;
  context.terminal = terminal;
  context.identity = {options.host.empty() ? HostName() : options.host, options.instance,
                      RandomId()};
  context.delimited = spec.target != OutputTarget::kKafka;
  TLSCOPE_TRY(auto format, MakeFormat(spec.format, options, context));
  TLSCOPE_TRY(auto sink, OpenSink(spec, options, format));
  Entry entry{spec, std::move(sink), nullptr};
  entry.output = std::make_unique<Output>(std::move(format), *entry.sink);
  if (spec.target == OutputTarget::kStdout) entry.output->Start();
  entries_.push_back(std::move(entry));
  return {};
}

Result<std::unique_ptr<Sink>> Outputs::OpenSink(const OutputSpec& spec,
                                                const OutputOptions& options,
                                                const std::shared_ptr<Format>& format) {
  switch (spec.target) {
    case OutputTarget::kStdout:
      return OpenStdout(options.when_full, MarkerOf(format), [this](int error_number, bool over) {
        OnStdoutFailure(error_number, over);
      });
    case OutputTarget::kFile:
      return OpenFile(spec, options.rotation, options.when_full, format, hooks_.on_failure);
    case OutputTarget::kUnix:
    case OutputTarget::kTcp:
    case OutputTarget::kTls:
      return OpenStream(spec, options, format, hooks_);
    case OutputTarget::kKafka:
      break;
  }
  return OpenKafka(spec, options, hooks_);
}

void Outputs::OnStdoutFailure(int error_number, bool over) {
  const bool unread = over && IsReaderGone(error_number);
  if (unread) unread_ = true;
  if (hooks_.on_failure && !(unread && alone_)) {
    hooks_.on_failure(
        {Errc::kSystem, error_number, "write to standard output", WhatNow(over, unread, alone_)});
  }
  if (over && alone_ && hooks_.on_over) hooks_.on_over();
}

void Outputs::Flush() {
  for (const Entry& entry : entries_) entry.sink->Flush();
}

void Outputs::Close() {
  for (const Entry& entry : entries_) entry.sink->Close();
}

Result<void> Outputs::CheckComplete() const {
  for (const Entry& entry : entries_) {
    if (entry.spec.target == OutputTarget::kStdout && unread_) continue;
    const std::uint64_t dropped = entry.sink->stats().dropped_blocks();
    if (dropped == 0) continue;
    return Fail(Errc::kSystem, 0, "write everything to " + entry.spec.Name(),
                std::to_string(dropped) + (dropped == 1 ? " message is" : " messages are") +
                    " missing there");
  }
  return {};
}

std::vector<SinkSnapshot> Outputs::Snapshots() const {
  std::vector<SinkSnapshot> snapshots;
  snapshots.reserve(entries_.size());
  for (const Entry& entry : entries_) {
    snapshots.push_back({entry.spec.Name(), entry.sink->stats(), entry.spec.network()});
  }
  return snapshots;
}

}  // namespace tlscope
