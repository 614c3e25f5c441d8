// SPDX-License-Identifier: Apache-2.0
#include "agent/this_process/request_signals.h"

#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

namespace tlscope {

Result<RequestSignals> RequestSignals::Open(bool with_reload) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGUSR1);
  if (with_reload) sigaddset(&signals, SIGHUP);
  if (const int error = pthread_sigmask(SIG_BLOCK, &signals, nullptr); error != 0)
    return Fail(Errc::kSystem, error, "block the request signals");
  RequestSignals requests;
  requests.fd_ = UniqueFd(signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!requests.fd_) return Fail(Errc::kSystem, errno, "make the request signals' descriptor");
  return requests;
}

void RequestSignals::Dispatch(const Handlers& handlers) const {
  signalfd_siginfo received;
  // The kernel keeps one pending signal of a kind.
  while (read(fd_.get(), &received, sizeof received) == sizeof received) {
    if (received.ssi_signo == SIGHUP) handlers.on_reload();
    if (received.ssi_signo == SIGUSR1) handlers.on_status();
  }
}

}  // namespace tlscope
