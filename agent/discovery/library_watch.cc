// SPDX-License-Identifier: Apache-2.0
#include "agent/discovery/library_watch.h"

#include <poll.h>

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

/// The loop's state.
class Watch {
 public:
  Watch(MappingSource& mappings, LibraryAttacher& libraries, const WatchOptions& options)
      : mappings_(mappings),
        libraries_(libraries),
        options_(options),
        schedule_(options.clocks.now(), options.detach_after()) {
    ReportChanges();
  }

  int UntilLookMs() const { return static_cast<int>(schedule_.Until(Now()).count()); }

  void OnReports() {
    TakeReports();
    if (schedule_.Due(Now())) Look();
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

  void ReportChanges() {
    if (reported_ == libraries_.version()) return;
    reported_ = libraries_.version();
    options_.on_change();
  }

  MappingSource& mappings_;
  LibraryAttacher& libraries_;
  const WatchOptions& options_;
  LookSchedule schedule_;
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
  for (const int fd : mappings.fds()) ready.push_back({fd, POLLIN, 0});
  const auto stopped = [&] { return ready[0].revents != 0 || ready[1].revents != 0; };
  Watch watch(mappings, libraries, options);
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
