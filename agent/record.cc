// SPDX-License-Identifier: Apache-2.0
#include "agent/record.h"

#include <unistd.h>

#include "agent/capture.h"
#include "agent/recorder.h"

namespace tlscope {

Result<void> RunRecord(const RecordOptions& options) {
  if (options.path.empty())
    return Fail(Errc::kUsage, 0, "record",
                "name the recording: tlscope record FILE, or - for standard output");
  if (options.path == "-" && isatty(STDOUT_FILENO) == 1)
    return Fail(Errc::kUsage, 0, "write a recording to a terminal",
                "redirect standard output, or name a file");
  return RunCapture(options.capture, [&options](const CaptureParts& parts) {
    return Recorder::Open(options, parts);
  });
}

}  // namespace tlscope
