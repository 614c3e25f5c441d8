// SPDX-License-Identifier: Apache-2.0
#include "agent/recording/record.h"

#include <unistd.h>

#include <optional>

#include "agent/capture/capture.h"
#include "agent/recording/recorder.h"

namespace tlscope {

Result<void> RunRecord(const RecordOptions& options) {
  if (options.path.empty())
    return Fail(Errc::kUsage, 0, "record",
                "name the recording: tlscope record FILE, or - for standard output");
  if (options.path == "-" && isatty(STDOUT_FILENO) == 1)
    return Fail(Errc::kUsage, 0, "write a recording to a terminal",
                "redirect standard output, or name a file");
  std::optional<Error> failure;
  auto ran = RunCapture(options.capture, [&](const CaptureParts& parts) {
    return Recorder::Open(options, parts, failure);
  });
  if (ran && failure) return tl::make_unexpected(*failure);
  return ran;
}

}  // namespace tlscope
