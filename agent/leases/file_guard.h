// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

namespace tlscope {

/// What keeps a file as it is, or tells that it is not any more.
enum class Protection : std::uint8_t {
  kLeased,   ///< who opens it for writing waits until Release
  kWatched,  ///< no lease is to be had: TakeWritten tells of writers once they have written
  kNone,     ///< neither of them: only its times tell
  kRefused,  ///< somebody has it open for writing now: it may be anything by the next instruction
};

struct ProtectionAnswer {
  Protection protection = Protection::kNone;
  int error_number = 0;  ///< why it is no lease; 0 when it is
};

/// Protects files from being written to under our probes. Files are named by descriptors that their
/// owner keeps open from Protect to Release. One thread.
class FileGuard {
 public:
  virtual ~FileGuard() = default;

  /// Becomes readable when TakeWritten has something to tell.
  virtual int fd() const = 0;

  /// From now on. `file` was opened for reading only, and is not protected yet.
  [[nodiscard]] virtual ProtectionAnswer Protect(int file) = 0;

  /// Lets writers in. Does nothing for a file that is not protected.
  virtual void Release(int file) = 0;

  /// The protected files that somebody waits to write to, or has written to. A file is told of
  /// until it is released.
  [[nodiscard]] virtual std::vector<int> TakeWritten() = 0;
};

}  // namespace tlscope
