// SPDX-License-Identifier: Apache-2.0
#include "agent/outputs.h"

#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <random>
#include <utility>

#include "agent/capture_control.h"
#include "agent/make_format.h"
#include "agent/output_command_line.h"
#include "processor/sinks/fd_sink.h"
#include "processor/sinks/file_sink.h"

namespace tlscope {
namespace {

using Marker = std::function<std::string(std::uint64_t blocks, std::uint64_t bytes)>;

Marker MarkerOf(const std::shared_ptr<Format>& format) {
  return [format](std::uint64_t blocks, std::uint64_t bytes) {
    return format->Dropped(blocks, bytes);
  };
}

std::uint64_t RandomId() {
  std::random_device random;
  return std::uint64_t{random()} << 32 | random();
}

/// What a format is made of. It ignores what it does not show.
std::vector<const char*> PatternsOf(FormatKind kind, const OutputOptions& options) {
  if (kind == FormatKind::kPcapng)
    return {"events.tls.plaintext", "events.conn.opened", "events.conn.closed"};
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

Result<std::unique_ptr<Sink>> OpenStdout(
    Marker marker, std::function<void(int error_number, bool over)> on_failure) {
  FdSinkOptions options;
  options.marker = std::move(marker);
  options.on_failure = std::move(on_failure);
  return FdSink::Open(STDOUT_FILENO, std::move(options));
}

Result<std::unique_ptr<Sink>> OpenFile(const OutputSpec& spec, const RotationOptions& rotation,
                                       const std::shared_ptr<Format>& format,
                                       std::function<void(const Error& error)> on_failure) {
  FileSinkOptions options;
  options.pattern = spec.path;
  options.rotate_bytes = rotation.bytes;
  options.rotate_period = rotation.period;
  options.gzip = rotation.gzip;
  options.keep = rotation.keep;
  options.first_block = [format] { return format->Start(); };
  options.marker = MarkerOf(format);
  options.on_failure = std::move(on_failure);
  if (InfoOf(spec.format).binary) {
    options.block_end.clear();
    options.begin_anew = true;
  }
  return FileSink::Open(options);
}

}  // namespace

Result<std::unique_ptr<Outputs>> Outputs::Open(const OutputOptions& options, EventBus& bus,
                                               std::int64_t realtime_offset_ns, OutputHooks hooks) {
  const auto specs = OutputsOf(options);
  if (!specs) return tl::make_unexpected(specs.error());
  std::unique_ptr<Outputs> outputs(new Outputs(std::move(hooks), specs->size()));
  for (const OutputSpec& spec : *specs) {
    if (auto added = outputs->Add(spec, options, realtime_offset_ns); !added)
      return tl::make_unexpected(added.error());
  }
  // Not before all are open: the bus keeps those who have subscribed.
  for (std::size_t i = 0; i < specs->size(); ++i) {
    for (const char* pattern : PatternsOf((*specs)[i].format, options)) {
      if (!bus.Subscribe(pattern, *outputs->entries_[i].output)) std::abort();  // they are ours
    }
  }
  return outputs;
}

Result<void> Outputs::Add(const OutputSpec& spec, const OutputOptions& options,
                          std::int64_t realtime_offset_ns) {
  const bool to_stdout = spec.target == OutputTarget::kStdout;
  const bool terminal = to_stdout && isatty(STDOUT_FILENO) == 1;
  if (terminal && InfoOf(spec.format).binary) {
    const std::string name(InfoOf(spec.format).name);
    return Fail(Errc::kUsage, 0, "write " + name + " to a terminal",
                "redirect standard output, or name a file with -o " + name + ":PATH");
  }
  FormatContext context;
  context.realtime_offset_ns = realtime_offset_ns;
  context.terminal = terminal;
  context.identity = {HostName(), options.instance, RandomId()};
  auto format = MakeFormat(spec.format, options, context);
  if (!format) return tl::make_unexpected(format.error());
  auto sink = OpenSink(spec, options, *format);
  if (!sink) return tl::make_unexpected(sink.error());
  Entry entry{spec.Name(), std::move(*sink), nullptr};
  entry.output = std::make_unique<Output>(std::move(*format), *entry.sink);
  if (to_stdout) entry.output->Start();
  entries_.push_back(std::move(entry));
  return {};
}

Result<std::unique_ptr<Sink>> Outputs::OpenSink(const OutputSpec& spec,
                                                const OutputOptions& options,
                                                const std::shared_ptr<Format>& format) {
  switch (spec.target) {
    case OutputTarget::kStdout:
      return OpenStdout(MarkerOf(format), [this](int error_number, bool over) {
        OnStdoutFailure(error_number, over);
      });
    case OutputTarget::kFile:
      return OpenFile(spec, options.rotation, format, hooks_.on_failure);
    case OutputTarget::kUnix:
    case OutputTarget::kTcp:
    case OutputTarget::kTls:
    case OutputTarget::kKafka:
      break;
  }
  return Fail(Errc::kUsage, 0, "write to " + spec.text);
}

void Outputs::OnStdoutFailure(int error_number, bool over) {
  if (over && alone_ && hooks_.on_over) return hooks_.on_over();
  if (!hooks_.on_failure) return;
  hooks_.on_failure({Errc::kSystem, error_number, "write to standard output",
                     over ? "nobody reads it any longer; the other outputs go on"
                          : "messages are dropped until it works again"});
}

void Outputs::Close() {
  for (const Entry& entry : entries_) entry.sink->Close();
}

std::vector<SinkSnapshot> Outputs::Snapshots() const {
  std::vector<SinkSnapshot> snapshots;
  snapshots.reserve(entries_.size());
  for (const Entry& entry : entries_) snapshots.push_back({entry.name, entry.sink->stats()});
  return snapshots;
}

}  // namespace tlscope
