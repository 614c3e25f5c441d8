// SPDX-License-Identifier: Apache-2.0
#include "agent/leases/kernel_file_guard.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstring>

#include "agent/procfs/file_key.h"

namespace tlscope {

Result<std::unique_ptr<KernelFileGuard>> KernelFileGuard::Open() {
  sigset_t broken;
  sigemptyset(&broken);
  sigaddset(&broken, SIGIO);  // what a broken lease sends, unless F_SETSIG names another
  if (const int error = pthread_sigmask(SIG_BLOCK, &broken, nullptr); error != 0)
    return Fail(Errc::kSystem, error, "block the signal of broken leases");
  std::unique_ptr<KernelFileGuard> guard(new KernelFileGuard());
  guard->signals_ = UniqueFd(signalfd(-1, &broken, SFD_CLOEXEC | SFD_NONBLOCK));
  guard->ready_ = UniqueFd(epoll_create1(EPOLL_CLOEXEC));
  if (!guard->signals_ || !guard->ready_)
    return Fail(Errc::kSystem, errno, "make the descriptors that tell of broken leases");
  TLSCOPE_TRY(guard->WaitFor(guard->signals_.get()));
  guard->inotify_ = UniqueFd(inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (guard->inotify_) TLSCOPE_TRY(guard->WaitFor(guard->inotify_.get()));
  return guard;
}

Result<void> KernelFileGuard::WaitFor(int fd) {
  epoll_event readable{};
  readable.events = EPOLLIN;
  if (epoll_ctl(ready_.get(), EPOLL_CTL_ADD, fd, &readable) == 0) return {};
  return Fail(Errc::kSystem, errno, "wait for broken leases");
}

ProtectionAnswer KernelFileGuard::Protect(int file) {
  if (fcntl(file, F_SETLEASE, F_RDLCK) == 0) {
    leased_.insert(file);
    return {Protection::kLeased};
  }
  const int error = errno;
  if (error == EAGAIN) return {Protection::kRefused, error};
  // No CAP_LEASE for a file of another user, or a file system without leases.
  const int watch =
      inotify_ ? inotify_add_watch(inotify_.get(), DescriptorPath(file).c_str(), IN_MODIFY) : -1;
  if (watch < 0) return {Protection::kNone, error};
  watches_[watch] = file;
  return {Protection::kWatched, error};
}

void KernelFileGuard::Release(int file) {
  if (leased_.erase(file) > 0) fcntl(file, F_SETLEASE, F_UNLCK);
  written_.erase(file);
  std::erase_if(watches_, [&](const auto& watch) {
    if (watch.second != file) return false;
    inotify_rm_watch(inotify_.get(), watch.first);
    return true;
  });
}

std::vector<int> KernelFileGuard::TakeWritten() {
  signalfd_siginfo received;
  while (read(signals_.get(), &received, sizeof received) == sizeof received) {
  }
  if (inotify_) ReadWatches();
  std::vector<int> written(written_.begin(), written_.end());
  // A lease that somebody waits for counts as given up already (fs/locks.c, target_leasetype).
  std::ranges::copy_if(leased_, std::back_inserter(written),
                       [](int file) { return fcntl(file, F_GETLEASE) != F_RDLCK; });
  return written;
}

void KernelFileGuard::ReadWatches() {
  std::array<std::byte, 4096> events;
  for (ssize_t got = 0; (got = read(inotify_.get(), events.data(), events.size())) > 0;) {
    inotify_event event{};
    for (std::size_t at = 0; at + sizeof event <= static_cast<std::size_t>(got);
         at += sizeof event + event.len) {
      std::memcpy(&event, events.data() + at, sizeof event);
      // Of a full queue nobody knows what it would have said.
      if ((event.mask & IN_Q_OVERFLOW) != 0)
        for (const auto& [watch, file] : watches_) written_.insert(file);
      const auto watched = watches_.find(event.wd);
      if (watched != watches_.end() && (event.mask & IN_MODIFY) != 0)
        written_.insert(watched->second);
    }
  }
}

}  // namespace tlscope
