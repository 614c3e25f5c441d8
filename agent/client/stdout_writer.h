// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "processor/base/result.h"
#include "processor/sinks/fd_writer.h"

namespace tlscope {

/// Writes to standard output, waiting for whoever reads it. One thread, SIGPIPE ignored.
class StdoutWriter {
 public:
  enum class Outcome : std::uint8_t {
    kWritten,
    kClosed,       ///< nobody reads any more
    kInterrupted,  ///< some of it may not be written
  };

  /// `interrupt_fd` is borrowed: when it becomes readable, waiting ends.
  static Result<StdoutWriter> Open(int interrupt_fd);

  Result<Outcome> Write(std::string bytes);

 private:
  StdoutWriter(FdWriter writer, int interrupt_fd)
      : writer_(std::move(writer)), interrupt_fd_(interrupt_fd) {}

  FdWriter writer_;
  int interrupt_fd_;
};

}  // namespace tlscope
