// SPDX-License-Identifier: Apache-2.0
#include "agent/this_process/stop_signal.h"

#include <sys/eventfd.h>
#include <sys/signalfd.h>

#include <cerrno>
#include <csignal>

namespace tlscope {
namespace {

sigset_t StopSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  return signals;
}

}  // namespace

Result<StopSignal> StopSignal::Open() {
  const sigset_t signals = StopSignals();
  if (const int error = pthread_sigmask(SIG_BLOCK, &signals, nullptr); error != 0)
    return Fail(Errc::kSystem, error, "block the stop signals");
  std::signal(SIGPIPE, SIG_IGN);
  StopSignal stop;
  stop.signal_fd_ = UniqueFd(signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
  stop.raised_fd_ = UniqueFd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!stop.signal_fd_ || !stop.raised_fd_)
    return Fail(Errc::kSystem, errno, "make the stop signal's descriptors");
  return stop;
}

void StopSignal::Raise(StopReason reason) const noexcept {
  StopReason none = StopReason::kSignal;
  reason_->compare_exchange_strong(none, reason);
  eventfd_write(raised_fd_.get(), 1);
}

void StopSignal::RestoreDefault() const noexcept {
  // The signal that ended the wait is taken first, or unblocking would deliver it at once.
  signalfd_siginfo received;
  [[maybe_unused]] const ssize_t taken = read(signal_fd_.get(), &received, sizeof received);
  const sigset_t signals = StopSignals();
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
}

}  // namespace tlscope
