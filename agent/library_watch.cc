// SPDX-License-Identifier: Apache-2.0
#include "agent/library_watch.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>
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

// A look takes its time on a host with many processes: it is at most this part of all time.
constexpr int kLookShare = 50;

/// The loop's state: when every process is to be looked at next.
class Watch {
 public:
  Watch(MappingWatcher& watcher, LibraryAttacher& libraries,
        std::optional<milliseconds> detach_after)
      : watcher_(watcher), libraries_(libraries), detach_after_(detach_after) {
    if (detach_after)
      every_ = std::clamp<Clock::duration>(*detach_after / 2, milliseconds(100), kLookEvery);
    ScheduleLook(Clock::now(), every_);
  }

  int UntilLookMs() const {
    const auto left = std::chrono::ceil<milliseconds>(look_at_ - Clock::now());
    return static_cast<int>(std::max<std::int64_t>(left.count(), 0));
  }

  void OnReports() {
    if (!TakeReports()) look_at_ = std::min(look_at_, std::max(earliest_look_, Clock::now()));
    if (Clock::now() >= look_at_) Look();
  }

 private:
  bool TakeReports() {
    const auto now = Clock::now();
    const bool complete =
        watcher_.Poll([&](const Mapping& mapping) { libraries_.Notice(mapping, now); });
    return libraries_.AttachNoticed(now) && complete;
  }

  void Look() {
    const auto start = Clock::now();
    libraries_.AttachAll(start);
    // Whoever mapped something during the look is told of by the reports.
    const bool complete = TakeReports();
    if (detach_after_ && complete) libraries_.DetachUnused(start - *detach_after_);
    ScheduleLook(start, complete ? every_ : kLookAgain);
  }

  void ScheduleLook(Clock::time_point start, Clock::duration after) {
    const auto now = Clock::now();
    earliest_look_ = now + std::max(kLookAgain, (now - start) * kLookShare);
    look_at_ = std::max(now + after, earliest_look_);
  }

  MappingWatcher& watcher_;
  LibraryAttacher& libraries_;
  std::optional<milliseconds> detach_after_;
  Clock::duration every_ = kLookEvery;
  Clock::time_point look_at_;
  Clock::time_point earliest_look_;
};

}  // namespace

void WatchLibraries(MappingWatcher& watcher, LibraryAttacher& libraries, const StopSignal& stop,
                    std::optional<milliseconds> detach_after) {
  std::vector<pollfd> ready{{stop.signal_fd(), POLLIN, 0}, {stop.raised_fd(), POLLIN, 0}};
  const std::size_t stops = ready.size();
  for (const int fd : watcher.fds()) ready.push_back({fd, POLLIN, 0});
  const auto stopped = [&] { return ready[0].revents != 0 || ready[1].revents != 0; };
  Watch watch(watcher, libraries, detach_after);
  while (true) {
    if (poll(ready.data(), ready.size(), watch.UntilLookMs()) < 0 && errno != EINTR) return;
    if (stopped()) return;
    watch.OnReports();
    if (poll(ready.data(), stops, kPause.count()) > 0 && stopped()) return;
  }
}

}  // namespace tlscope
