// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>
#include <sys/uio.h>

#include <chrono>
#include <cstdint>
#include <span>

#include "processor/base/result.h"

namespace tlscope {

/// Writes to a descriptor without ever blocking on a slow reader and without changing its flags,
/// which are shared with whoever else has it open (the shell has our stdout). One thread.
class FdWriter {
 public:
  /// `fd` is borrowed: it stays open until the writer is gone. EBADF when it is closed or open for
  /// reading only.
  static Result<FdWriter> Open(int fd);
  ~FdWriter();
  FdWriter(FdWriter&& other) noexcept;
  FdWriter(const FdWriter&) = delete;
  FdWriter& operator=(const FdWriter&) = delete;
  FdWriter& operator=(FdWriter&&) = delete;

  /// Most parts one Write takes.
  static constexpr std::size_t kMaxParts = 1024;

  /// Writes some of `parts` (1..kMaxParts of them, not empty). Bytes written, or a negated errno:
  /// -EAGAIN when the reader has to read first. May raise SIGPIPE, which the caller's thread
  /// blocks.
  ssize_t Write(std::span<iovec> parts);

  /// Lets go of what was opened again, so that the reader sees the end. Nothing may follow.
  void Close();

  /// Waits until writing is worth a try, at most `timeout`. False when it is not.
  bool Await(std::chrono::milliseconds timeout) const;

 private:
  enum class Mode : std::uint8_t {
    kPlain,    // a file, or a descriptor that does not block by itself
    kSocket,   // asked call by call not to block
    kGuarded,  // blocks: only written to when it has room, and then little
  };
  FdWriter(int fd, int owned_fd, Mode mode) : fd_(fd), owned_fd_(owned_fd), mode_(mode) {}

  int fd_;
  int owned_fd_;  // -1: fd_ is borrowed
  Mode mode_;
};

}  // namespace tlscope
