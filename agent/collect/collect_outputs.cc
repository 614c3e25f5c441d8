// SPDX-License-Identifier: Apache-2.0
#include "agent/collect/collect_outputs.h"

#include <unistd.h>

#include <cerrno>
#include <string>
#include <utility>

#include "agent/options/output_command_line.h"
#include "agent/options/output_spec.h"
#include "agent/outputs/make_format.h"
#include "agent/this_process/host_name.h"
#include "processor/base/keyed_hash.h"
#include "processor/collector/storage/fd_storage.h"
#include "processor/collector/storage/file_storage.h"

namespace tlscope {
namespace {

/// As of this program: what is collected has names of its own. Whether there is plaintext in what
/// comes a collector cannot know.
Result<std::shared_ptr<Format>> MakeCollectorFormat(FormatKind kind, OutputOptions options,
                                                    bool terminal) {
  options.plaintext = true;
  FormatContext context;
  context.terminal = terminal;
  context.identity = {HostName(), "collector", RandomId()};
  return MakeFormat(kind, options, context);
}

/// `alone`: there is no other output, so that the run ends with this one.
Result<std::unique_ptr<Storage>> OpenStdout(std::string start, bool alone,
                                            const CollectorOutputHooks& hooks) {
  const auto on_failure = [alone, hooks](int error_number, bool over) {
    Error error{Errc::kSystem, error_number, "write to standard output", {}};
    if (over && alone) {
      if (error_number != EPIPE) hooks.on_stdout_failure(error);
      return;
    }
    error.remedy = over ? "nobody reads it any longer; the other outputs go on"
                        : "make room: until then nothing is acknowledged, and agents keep what "
                          "they have";
    hooks.on_failure(error);
  };
  return FdStorage::Open(STDOUT_FILENO, std::move(start), on_failure);
}

Result<std::unique_ptr<Storage>> OpenStorage(const OutputSpec& spec, const OutputOptions& options,
                                             const std::shared_ptr<Format>& format,
                                             StreamPositions& positions, bool alone,
                                             const CollectorOutputHooks& hooks) {
  if (spec.target == OutputTarget::kStdout) return OpenStdout(format->Start(), alone, hooks);
  FileStorageOptions storage;
  storage.pattern = spec.path;
  storage.rotate_bytes = options.rotation.bytes;
  storage.rotate_period = options.rotation.period;
  storage.gzip = options.rotation.gzip;
  storage.keep = options.rotation.keep;
  storage.first_block = [format] { return format->Start(); };
  storage.block_end = InfoOf(spec.format).binary ? "" : "\n";
  storage.begin_anew = InfoOf(spec.format).binary;
  storage.on_failure = hooks.on_failure;
  return FileStorage::Open(std::move(storage), positions);
}

Result<std::unique_ptr<CollectorOutput>> OpenOutput(const OutputSpec& spec,
                                                    const OutputOptions& options, bool alone,
                                                    const CollectorOutputHooks& hooks) {
  TLSCOPE_TRY(const auto terminal, GoesToTerminal(spec));
  if (spec.network()) {
    return Fail(Errc::kUsage, 0, "send what is collected to " + spec.text,
                "name a file, or have agents send to both with one -o each");
  }
  TLSCOPE_TRY(auto format, MakeCollectorFormat(spec.format, options, terminal));
  StreamPositions positions;
  TLSCOPE_TRY(auto storage, OpenStorage(spec, options, format, positions, alone, hooks));
  return std::make_unique<CollectorOutput>(std::move(format), spec.format, std::move(storage),
                                           std::move(positions));
}

}  // namespace

Result<std::vector<std::unique_ptr<CollectorOutput>>> OpenCollectorOutputs(
    const OutputOptions& options, const CollectorOutputHooks& hooks) {
  TLSCOPE_TRY(const auto specs, OutputsOf(options));
  std::vector<std::unique_ptr<CollectorOutput>> outputs;
  for (const OutputSpec& spec : specs) {
    TLSCOPE_TRY(auto output, OpenOutput(spec, options, specs.size() == 1, hooks));
    outputs.push_back(std::move(output));
  }
  return outputs;
}

}  // namespace tlscope
