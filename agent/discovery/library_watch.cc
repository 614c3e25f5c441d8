// SPDX-License-Identifier: Apache-2.0
#include "agent/discovery/library_watch.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <vector>

namespace tlscope {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

// Between two batches of reports: a library is attached to no later, and a storm of new processes
// wakes this one no more often.
constexpr auto kPause = milliseconds(2);

// How often every process is looked at even if nothing happened, and after reports were lost.
constexpr Clock::duration kLookEvery = std::chrono::seconds(30);
constexpr Clock::duration kLookAgain = milliseconds(500);

// On a host with many processes looks take at most this part of a CPU.
constexpr int kLookShare = 50;

// What this thread has had of a CPU.
Clock::duration CpuTime() {
  timespec spent{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
  return std::chrono::seconds(spent.tv_sec) + std::chrono::nanoseconds(spent.tv_nsec);
}

/// The loop's state: when every process is to be looked at next.
class Watch {
 public:
  Watch(MappingWatcher& watcher, LibraryAttacher& libraries, const WatchOptions& options)
      : watcher_(watcher), libraries_(libraries), options_(options) {
    ScheduleLook({});
    TellOfChanges();
  }

  int UntilLookMs() const {
    const auto left = std::chrono::ceil<milliseconds>(look_at_ - Clock::now());
    return static_cast<int>(std::max<std::int64_t>(left.count(), 0));
  }

  void OnReports() {
    TakeReports();
    if (Clock::now() >= look_at_) Look();
    TellOfChanges();
  }

  /// What the options say may be different.
  void OnRequest() {
    look_at_ = std::min(look_at_, std::max(Clock::now() + Every(), earliest_look_));
  }

 private:
  void TakeReports() {
    const auto now = Clock::now();
    reports_lost_ =
        !watcher_.Poll([&](const Mapping& mapping) { libraries_.Notice(mapping, now); });
    const bool all_opened = libraries_.AttachNoticed(now);
    if (reports_lost_ || !all_opened) look_at_ = std::min(look_at_, std::max(earliest_look_, now));
  }

  void Look() {
    const auto start = Clock::now();
    const auto spent_before = CpuTime();
    libraries_.AttachAll(start);
    ScheduleLook(CpuTime() - spent_before);
    // Whoever mapped something during the look is told of by the reports.
    TakeReports();
    const auto detach_after = options_.detach_after();
    if (detach_after && !reports_lost_) libraries_.DetachUnused(start - *detach_after);
  }

  void ScheduleLook(Clock::duration spent) {
    const auto now = Clock::now();
    earliest_look_ = now + std::max(kLookAgain, spent * kLookShare);
    look_at_ = std::max(now + Every(), earliest_look_);
  }

  // Often enough that a library is left in time.
  Clock::duration Every() const {
    const auto detach_after = options_.detach_after();
    if (!detach_after) return kLookEvery;
    return std::clamp<Clock::duration>(*detach_after / 2, milliseconds(100), kLookEvery);
  }

  void TellOfChanges() {
    if (told_ == libraries_.version()) return;
    told_ = libraries_.version();
    options_.on_change();
  }

  MappingWatcher& watcher_;
  LibraryAttacher& libraries_;
  const WatchOptions& options_;
  std::optional<std::uint64_t> told_;  ///< version of the libraries
  bool reports_lost_ = false;
  Clock::time_point look_at_;
  Clock::time_point earliest_look_;
};

}  // namespace

void WatchLibraries(MappingWatcher& watcher, LibraryAttacher& libraries, const StopSignal& stop,
                    const WatchOptions& options) {
  std::vector<pollfd> ready{{stop.signal_fd(), POLLIN, 0}, {stop.raised_fd(), POLLIN, 0}};
  const std::size_t stops = ready.size();
  for (const PolledDescriptor& other : options.others) ready.push_back({other.fd, POLLIN, 0});
  for (const int fd : watcher.fds()) ready.push_back({fd, POLLIN, 0});
  const auto stopped = [&] { return ready[0].revents != 0 || ready[1].revents != 0; };
  Watch watch(watcher, libraries, options);
  while (true) {
    if (poll(ready.data(), ready.size(), watch.UntilLookMs()) < 0 && errno != EINTR) return;
    if (stopped()) return;
    for (std::size_t i = 0; i < options.others.size(); ++i) {
      if (ready[stops + i].revents == 0) continue;
      options.others[i].on_readable();
      watch.OnRequest();
    }
    watch.OnReports();
    if (poll(ready.data(), stops, kPause.count()) > 0 && stopped()) return;
  }
}

}  // namespace tlscope
