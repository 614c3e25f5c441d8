// SPDX-License-Identifier: Apache-2.0
#include "processor/collector/storage/fd_storage.h"

#include <sys/uio.h>

#include <cerrno>
#include <chrono>
#include <limits>
#include <utility>

namespace tlscope {
namespace {

// How long a reader in full swing may take for what a pipe holds. Heartbeats can wait for that.
constexpr std::chrono::milliseconds kPatience{100};

}  // namespace

Result<std::unique_ptr<FdStorage>> FdStorage::Open(int fd, std::string start,
                                                   OnFailure on_failure) {
  TLSCOPE_TRY(FdWriter writer, FdWriter::Open(fd));
  return std::unique_ptr<FdStorage>(
      new FdStorage(std::move(writer), std::move(start), std::move(on_failure)));
}

std::optional<std::uint64_t> FdStorage::Prepare(std::size_t /*block_bytes*/) {
  return std::numeric_limits<std::uint64_t>::max();
}

StoreOutcome FdStorage::Write(std::string_view bytes) {
  StoreOutcome outcome = WriteFrom(start_, start_written_);
  if (outcome == StoreOutcome::kDone) outcome = WriteFrom(bytes, written_);
  if (outcome == StoreOutcome::kDone) written_ = 0;
  return outcome;
}

StoreOutcome FdStorage::WriteFrom(std::string_view bytes, std::size_t& written) {
  while (written < bytes.size()) {
    // iovec knows no const; nothing is written to.
    iovec part{const_cast<char*>(bytes.data()) + written, bytes.size() - written};
    const ssize_t count = writer_.Write({&part, 1});
    if (count >= 0) {
      written += static_cast<std::size_t>(count);
    } else if (count == -EAGAIN) {
      if (!writer_.Await(kPatience)) return StoreOutcome::kAgain;
    } else if (count != -EINTR) {
      return Failed(static_cast<int>(-count));
    }
  }
  return StoreOutcome::kDone;
}

StoreOutcome FdStorage::Failed(int error_number) {
  const bool over = error_number != ENOSPC && error_number != EDQUOT;
  if (!std::exchange(over ? over_ : full_, true)) on_failure_(error_number, over);
  return over ? StoreOutcome::kClosed : StoreOutcome::kAgain;
}

StoreOutcome FdStorage::Keep(const StreamPositions& /*positions*/) { return StoreOutcome::kDone; }

}  // namespace tlscope
