// SPDX-License-Identifier: Apache-2.0
#include "agent/client/stdout_writer.h"

#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

namespace tlscope {

Result<StdoutWriter> StdoutWriter::Open(int interrupt_fd) {
  TLSCOPE_TRY(FdWriter writer, FdWriter::Open(STDOUT_FILENO));
  return StdoutWriter(std::move(writer), interrupt_fd);
}

Result<StdoutWriter::Outcome> StdoutWriter::Write(std::string bytes) {
  for (std::size_t done = 0; done < bytes.size();) {
    iovec part{bytes.data() + done, bytes.size() - done};
    const ssize_t written = writer_.Write({&part, 1});
    if (written >= 0) {
      done += static_cast<std::size_t>(written);
    } else if (written == -EPIPE) {
      return Outcome::kClosed;
    } else if (written == -EAGAIN) {
      std::array<pollfd, 2> fds{{{STDOUT_FILENO, POLLOUT, 0}, {interrupt_fd_, POLLIN, 0}}};
      if (poll(fds.data(), fds.size(), -1) > 0 && fds[1].revents != 0) return Outcome::kInterrupted;
    } else if (written != -EINTR) {
      return Fail(Errc::kSystem, static_cast<int>(-written), "write to standard output");
    }
  }
  return Outcome::kWritten;
}

}  // namespace tlscope
