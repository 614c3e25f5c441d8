// SPDX-License-Identifier: Apache-2.0
#include "agent/discovery/library_watch.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <ctime>
#include <optional>
#include <vector>

namespace tlscope {
namespace {

// Between two batches of reports: a library is attached to no later, and a storm of new processes
// wakes this one no more often.
constexpr auto kPause = std::chrono::milliseconds(2);

// Between two looks at who maps files on foreign mounts: at least so long, and so long that they
// take at most this part of a CPU.
constexpr LookSchedule::Duration kBetweenLetGos = std::chrono::milliseconds(500);
constexpr int kLetGoShare = 50;

constexpr std::chrono::milliseconds kNoWait{0};

/// The loop's state.
class Watch {
 public:
  Watch(MappingSource& mappings, LibraryAttacher& libraries, const WatchOptions& options)
      : mappings_(mappings),
        libraries_(libraries),
        options_(options),
        schedule_(options.clocks.now(), options.detach_after()),
        let_go_at_(options.clocks.now()) {
    ReportChanges();
  }

  /// Until there is something to do, whatever is readable.
  int UntilDueMs() const {
    const auto now = Now();
    auto wait = schedule_.Until(now);
    const auto by = [&](LookSchedule::Time due) {
      wait = std::clamp(std::chrono::ceil<std::chrono::milliseconds>(due - now), kNoWait, wait);
    };
    if (const auto tend_at = libraries_.tend_at()) by(*tend_at);
    if (libraries_.on_foreign_mounts()) by(let_go_at_);
    return static_cast<int>(wait.count());
  }

  void OnReports() {
    libraries_.Tend(Now());  // first: somebody waits
    TakeReports();
    if (schedule_.Due(Now())) Look();
    if (libraries_.on_foreign_mounts() && Now() >= let_go_at_) LetGo();
    ReportChanges();
  }

  /// What the options say may be different.
  void OnRequest() { schedule_.OnSettings(Now(), options_.detach_after()); }

 private:
  LookSchedule::Time Now() const { return options_.clocks.now(); }

  void TakeReports() {
    const auto now = Now();
    reports_lost_ =
        !mappings_.Poll([&](const Mapping& mapping) { libraries_.Notice(mapping, now); });
    const bool all_opened = libraries_.AttachNoticed(now);
    if (reports_lost_ || !all_opened) schedule_.OnIncomplete(now);
  }

  void Look() {
    const auto start = Now();
    const auto spent_before = options_.clocks.cpu_time();
    libraries_.AttachAll(start);
    schedule_.OnLooked(Now(), options_.clocks.cpu_time() - spent_before, options_.detach_after());
    // Whoever mapped something during the look is in the reports.
    TakeReports();
    const auto detach_after = options_.detach_after();
    if (detach_after && !reports_lost_) libraries_.DetachUnused(start - *detach_after);
  }

  void LetGo() {
    const auto spent_before = options_.clocks.cpu_time();
    const auto now = Now();
    if (!reports_lost_ && !libraries_.LetGoOfUnmapped(now)) schedule_.OnIncomplete(now);
    const auto spent = options_.clocks.cpu_time() - spent_before;
    let_go_at_ = now + std::max(kBetweenLetGos, spent * kLetGoShare);
  }

  void ReportChanges() {
    if (reported_ == libraries_.version()) return;
    reported_ = libraries_.version();
    options_.on_change();
  }

  MappingSource& mappings_;
  LibraryAttacher& libraries_;
  const WatchOptions& options_;
  LookSchedule schedule_;
  LookSchedule::Time let_go_at_;
  std::optional<std::uint64_t> reported_;  ///< version of the libraries
  bool reports_lost_ = false;
};

}  // namespace

WatchClocks WatchClocks::OfThisHost() {
  return {std::chrono::steady_clock::now, [] {
            timespec spent{};
            clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
            return LookSchedule::Duration(std::chrono::seconds(spent.tv_sec) +
                                          std::chrono::nanoseconds(spent.tv_nsec));
          }};
}

void WatchLibraries(MappingSource& mappings, LibraryAttacher& libraries, const StopSignal& stop,
                    const WatchOptions& options) {
  std::vector<pollfd> ready{{stop.signal_fd(), POLLIN, 0}, {stop.raised_fd(), POLLIN, 0}};
  const std::size_t stops = ready.size();
  for (const PolledDescriptor& other : options.others) ready.push_back({other.fd, POLLIN, 0});
  ready.push_back({libraries.fd(), POLLIN, 0});
  const std::size_t fixed = ready.size();
  const auto stopped = [&] { return ready[0].revents != 0 || ready[1].revents != 0; };
  Watch watch(mappings, libraries, options);
  while (true) {
    ready.resize(fixed);
    for (const int fd : mappings.fds()) ready.push_back({fd, POLLIN, 0});
    if (poll(ready.data(), ready.size(), watch.UntilDueMs()) < 0 && errno != EINTR) return;
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
