// SPDX-License-Identifier: Apache-2.0
#include "processor/sinks/fd_writer.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <string>
#include <utility>

namespace tlscope {
namespace {

bool IsTerminal(int fd) {
  // Opening the master side of a pseudo-terminal again would make another one.
  int number = 0;
  return isatty(fd) == 1 && ioctl(fd, TIOCGPTN, &number) != 0;
}

/// The same pipe or terminal with flags of its own; -1 when that is not allowed.
int OpenAgain(int fd) {
  const std::string path = "/proc/self/fd/" + std::to_string(fd);
  return open(path.c_str(), O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

std::string NameOf(int fd) {
  return fd == STDOUT_FILENO ? "standard output" : "descriptor " + std::to_string(fd);
}

bool Writable(int fd, int timeout_ms) {
  pollfd poll_fd{.fd = fd, .events = POLLOUT, .revents = 0};
  return poll(&poll_fd, 1, timeout_ms) > 0;
}

}  // namespace

Result<FdWriter> FdWriter::Open(int fd) {
  struct stat status {};
  const int flags = fcntl(fd, F_GETFL);
  if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY || fstat(fd, &status) != 0) {
    return Fail(Errc::kSystem, EBADF, "write to " + NameOf(fd),
                "it is closed, or open for reading only");
  }
  if (S_ISSOCK(status.st_mode)) return FdWriter(fd, -1, Mode::kSocket);
  const bool blocks = (flags & O_NONBLOCK) == 0;
  if (!blocks || !(S_ISFIFO(status.st_mode) || isatty(fd) == 1)) {
    return FdWriter(fd, -1, Mode::kPlain);
  }
  const int own = S_ISFIFO(status.st_mode) || IsTerminal(fd) ? OpenAgain(fd) : -1;
  if (own >= 0) return FdWriter(own, own, Mode::kPlain);
  return FdWriter(fd, -1, Mode::kGuarded);
}

FdWriter::~FdWriter() { Close(); }

void FdWriter::Close() {
  if (owned_fd_ >= 0) close(std::exchange(owned_fd_, -1));
}

FdWriter::FdWriter(FdWriter&& other) noexcept
    : fd_(other.fd_), owned_fd_(std::exchange(other.owned_fd_, -1)), mode_(other.mode_) {}

ssize_t FdWriter::Write(std::span<iovec> parts) {
  ssize_t written = 0;
  if (mode_ == Mode::kSocket) {
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = parts.size();
    written = sendmsg(fd_, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  } else if (mode_ == Mode::kGuarded) {
    if (!Writable(fd_, 0)) return -EAGAIN;
    // pipe(7): a pipe that polls writable takes PIPE_BUF bytes without blocking.
    const std::size_t little = std::min<std::size_t>(parts.front().iov_len, PIPE_BUF);
    written = write(fd_, parts.front().iov_base, little);
  } else {
    written = writev(fd_, parts.data(), static_cast<int>(parts.size()));
  }
  return written >= 0 ? written : -errno;
}

bool FdWriter::Await(std::chrono::milliseconds timeout) const {
  return Writable(fd_, static_cast<int>(timeout.count()));
}

}  // namespace tlscope
