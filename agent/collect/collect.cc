// SPDX-License-Identifier: Apache-2.0
#include "agent/collect/collect.h"

#include <fcntl.h>
#include <poll.h>
#include <spdlog/spdlog.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cerrno>
#include <filesystem>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>

#include "agent/collect/collect_outputs.h"
#include "agent/options/output_command_line.h"
#include "agent/terminal/progress.h"
#include "agent/this_process/privileges.h"
#include "agent/this_process/stop_signal.h"
#include "processor/base/heap.h"
#include "processor/collector/agent_session.h"
#include "processor/collector/entry_file.h"

namespace tlscope {
namespace {

using std::chrono::milliseconds;

// For what is on its way to agents and to the outputs when the end is wanted.
constexpr milliseconds kPatience{3000};

// Streams whose counts are printed one by one.
constexpr std::size_t kStreamsPrinted = 20;

void PrintCounts(const std::string& of, const StreamCounts& counts) {
  spdlog::info(
      "{}: {} entries received, {} stored, {} duplicates, {} not stored; {} dropped by the agent",
      of, counts.received, counts.stored, counts.duplicates,
      counts.received - counts.stored - counts.duplicates, counts.dropped);
}

void PrintStreams(const EntryStore& store) {
  StreamCounts all = store.forgotten();
  std::size_t printed = 0;
  for (const auto& stream : store.streams()) {
    all += stream->counts;
    if (++printed > kStreamsPrinted) continue;
    PrintCounts(
        fmt::format("stream {:016x} of {}", stream->agent->stream_id, AgentName(*stream->agent)),
        stream->counts);
  }
  if (printed != 1) PrintCounts("all streams", all);
}

void PrintOutputs(const EntryStore& store) {
  for (const auto* outputs : {&store.outputs(), &store.closed_outputs()}) {
    for (const auto& output : *outputs) {
      spdlog::info("output to {}: {} entries written ({} bytes)", output->name(),
                   output->stats().entries, output->stats().bytes);
    }
  }
}

void PrintConnections(const CollectorStats& stats) {
  std::uint64_t refused = 0;
  std::string causes;
  for (std::size_t cause = 0; cause < kRefusalCauses; ++cause) {
    if (stats.refused[cause] == 0) continue;
    refused += stats.refused[cause];
    causes += fmt::format("{}{} {}", causes.empty() ? "" : ", ",
                          RefusalName(static_cast<RefusalCause>(cause)), stats.refused[cause]);
  }
  spdlog::info("connections: {} accepted, {} refused ({})", stats.accepted, refused,
               causes.empty() ? "none" : causes);
}

/// 0 when it cannot be told.
std::uint64_t FileBytes(const std::string& path) {
  std::error_code error;
  const std::uintmax_t bytes = std::filesystem::file_size(path, error);
  return error ? 0 : bytes;
}

Result<void> Import(const CollectOptions& options, EntryStore& store, const StopSignal& stop) {
  EntryFileOptions file;
  file.path = options.import_path;
  file.message_bytes = options.limits.message_bytes;
  file.stopped = [&stop](milliseconds wait) {
    pollfd stopped{stop.signal_fd(), POLLIN, 0};
    return poll(&stopped, 1, static_cast<int>(wait.count())) > 0;
  };
  Progress progress(
      ProgressOnStderr(options.progress, options.quiet || PrintsToTerminal(options), nullptr),
      {{.name = "Importing", .unit = ProgressUnit::kBytes, .total = FileBytes(file.path)}});
  file.on_progress = [&progress](std::uint64_t done, std::uint64_t) { progress.Update(done); };
  const Result<ImportEnd> end = ImportEntries(file, store);
  progress.Finish();
  store.Close();
  PrintOutputs(store);
  PrintStreams(store);
  if (!end) return tl::make_unexpected(end.error());
  return {};
}

/// Runs a collector until a signal comes or the last output is closed.
class Collecting {
 public:
  Collecting(EntryStore& store, const StopSignal& stop)
      : store_(store), stop_(stop), signal_(io_) {}

  Result<void> Run(CollectorOptions options);

 private:
  Result<void> AwaitSignal();
  void Stop();

  EntryStore& store_;
  const StopSignal& stop_;
  boost::asio::io_context io_;
  boost::asio::posix::stream_descriptor signal_;
  std::unique_ptr<Collector> collector_;
  bool stopping_ = false;
};

Result<void> Collecting::Run(CollectorOptions options) {
  TLSCOPE_TRY(auto collector, Collector::Open(io_, store_, std::move(options), [this] { Stop(); }));
  collector_ = std::move(collector);
  TLSCOPE_TRY(AwaitSignal());
  std::string urls;
  for (const std::string& url : collector_->urls()) urls += (urls.empty() ? "" : ", ") + url;
  spdlog::info("ready: listening on {}; stop with Ctrl-C", urls);
  io_.run();
  store_.Close();
  PrintOutputs(store_);
  PrintStreams(store_);
  PrintConnections(collector_->stats());
  collector_.reset();
  return {};
}

Result<void> Collecting::AwaitSignal() {
  const int fd = fcntl(stop_.signal_fd(), F_DUPFD_CLOEXEC, 0);
  if (fd < 0) return Fail(Errc::kSystem, errno, "wait for signals");
  signal_.assign(fd);
  signal_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                     [this](const boost::system::error_code& error) {
                       if (error) return;
                       stop_.RestoreDefault();
                       Stop();
                     });
  return {};
}

void Collecting::Stop() {
  if (std::exchange(stopping_, true)) return;
  collector_->Close(kPatience, [this] { io_.stop(); });
}

}  // namespace

Result<void> RunCollect(const CollectOptions& options) {
  KeepFreedMemory();
  RaiseDescriptorLimit();
  TLSCOPE_TRY(const StopSignal stop, StopSignal::Open());
  std::vector<ListenTarget> targets;
  for (const std::string& url : options.listen) {
    TLSCOPE_TRY(auto target, ListenTarget::Parse(url));
    targets.push_back(std::move(target));
  }
  std::optional<Error> broken;
  TLSCOPE_TRY(
      auto outputs,
      OpenCollectorOutputs(
          options, {.on_failure = [](const Error& error) { spdlog::warn("{}", error.Describe()); },
                    .on_stdout_failure = [&broken](const Error& error) { broken = error; }}));
  EntryStore store(std::move(outputs));
  const auto collect = [&]() -> Result<void> {
    if (!options.import_path.empty()) return Import(options, store, stop);
    return Collecting(store, stop)
        .Run({.listen = std::move(targets),
              .tls = options.tls,
              .limits = options.limits,
              .version = TLSCOPE_VERSION,
              .on_notice = [](const std::string& text) { spdlog::warn("{}", text); }});
  };
  Result<void> collected = collect();
  if (collected && broken) return tl::make_unexpected(*broken);
  return collected;
}

}  // namespace tlscope
