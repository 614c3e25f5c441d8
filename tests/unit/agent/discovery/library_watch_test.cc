// SPDX-License-Identifier: Apache-2.0
#include "agent/discovery/library_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>

#include <chrono>
#include <fstream>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "processor/base/unique_fd.h"
#include "tests/unit/agent/discovery/fake_guard.h"
#include "tests/unit/agent/discovery/fake_prober.h"
#include "tests/unit/agent/discovery/mapped_file_builder.h"
#include "tests/unit/processor/base/scratch_folder.h"
#include "tests/unit/processor/bus/recorder.h"

namespace tlscope {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using namespace std::chrono_literals;

/// Reports what the test says is mapped.
class FakeMappings final : public MappingSource {
 public:
  FakeMappings() : fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

  std::vector<int> fds() const override { return {fd_.get()}; }

  bool Poll(const std::function<void(const Mapping&)>& on_mapping) override {
    eventfd_t count = 0;
    eventfd_read(fd_.get(), &count);
    for (const std::string& path : std::exchange(paths_, {})) on_mapping(testing::MappingOf(path));
    std::exchange(after_next_poll, [] {})();
    return std::exchange(complete_, true);
  }

  void Report(const std::string& path) {
    paths_.push_back(path);
    eventfd_write(fd_.get(), 1);
  }

  /// Another descriptor tells of reports from now on.
  void Replace() { fd_ = UniqueFd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)); }

  std::function<void()> after_next_poll = [] {};

  void Lose() {
    complete_ = false;
    eventfd_write(fd_.get(), 1);
  }

 private:
  UniqueFd fd_;
  std::vector<std::string> paths_;
  bool complete_ = true;
};

/// A watch by a clock that stands still, unless the test moves it. It ends when `done` says so; a
/// timer ends it where that never happens.
class LibraryWatchTest : public ::testing::Test {
 protected:
  void SetUp() override {
    prober.libraries_in = folder.path();
    auto opened = StopSignal::Open();
    ASSERT_TRUE(opened.has_value()) << opened.error().Describe();
    stop = std::move(*opened);
    deadline = UniqueFd(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC));
    const itimerspec in_half_a_minute{{}, {30, 0}};
    ASSERT_EQ(timerfd_settime(deadline.get(), 0, &in_half_a_minute, nullptr), 0);
    options.others.push_back({deadline.get(), [this] {
                                ADD_FAILURE() << "waited 30 s for " << awaited;
                                stop->Raise(StopReason::kLimit);
                              }});
    options.detach_after = [this] { return detach_after; };
    options.on_change = [this] { on_names(libraries.names()); };
    options.clocks = {[this] { return now; }, [] { return 0ns; }};
  }

  void TearDown() override {
    if (stop) stop->RestoreDefault();
  }

  void Watch(std::string what) {
    awaited = std::move(what);
    WatchLibraries(mappings, libraries, *stop, options);
  }

  std::string Library(const std::string& name) {
    const std::string path = folder.path() + '/' + name;
    std::ofstream(path) << name;
    return path;
  }

  std::function<void(const std::vector<std::string>&)> on_names = [](const auto&) {};
  testing::ScratchFolder folder;
  testing::FakeProber prober;
  testing::FakeGuard guard;
  EventBus bus;
  LibraryAttacher libraries{prober, guard, bus};
  FakeMappings mappings;
  std::optional<StopSignal> stop;
  UniqueFd deadline;
  std::string awaited;
  LookSchedule::Time now = LookSchedule::Time() + 1h;
  LookSchedule::DetachAfter detach_after;
  WatchOptions options;
};

TEST_F(LibraryWatchTest, SaysWhatThereIsAtTheBeginning) {
  ASSERT_TRUE(libraries.Attach(Library("libssl.so.3"), now).has_value());
  std::vector<std::vector<std::string>> changes;
  on_names = [&](const auto& names) {
    changes.push_back(names);
    stop->Raise(StopReason::kCommand);
  };
  Watch("the first word on what is attached");
  EXPECT_THAT(changes, ElementsAre(libraries.names()));
}

TEST_F(LibraryWatchTest, AttachesToALibraryThatIsReported) {
  const std::string path = Library("libssl.so.3");
  on_names = [&](const auto& names) {
    if (names.empty()) return mappings.Report(path);
    stop->Raise(StopReason::kCommand);
  };
  Watch("the library that was reported");
  EXPECT_THAT(prober.asked, ElementsAre(path)) << "and at nothing else: no look was due";
}

TEST_F(LibraryWatchTest, LooksAtEveryProcessWhenItIsTime) {
  on_names = [&](const auto& names) {
    if (!names.empty()) return stop->Raise(StopReason::kCommand);
    now += 30s;
    mappings.Report(Library("libssl.so.3"));
  };
  testing::Recorder tasks;
  ASSERT_TRUE(bus.Subscribe("control.agent.task", tasks));
  Watch("a look at every process");
  EXPECT_THAT(tasks.topics, Contains(Topic::kAgentTask));
}

TEST_F(LibraryWatchTest, LooksAtEveryProcessWhenReportsWereLost) {
  on_names = [&](const auto& names) {
    if (!names.empty()) return stop->Raise(StopReason::kCommand);
    now += 1s;
    mappings.Lose();
    mappings.Report(Library("libssl.so.3"));
  };
  testing::Recorder tasks;
  ASSERT_TRUE(bus.Subscribe("control.agent.task", tasks));
  Watch("a look at every process");
  EXPECT_THAT(tasks.topics, Contains(Topic::kAgentTask));
}

TEST_F(LibraryWatchTest, DetachesFromWhatNobodyHasMappedForLong) {
  const std::string path = Library("libssl.so.3");
  on_names = [&](const auto& names) {
    if (names.empty()) return mappings.Report(path);
    if (!prober.detached.empty()) return stop->Raise(StopReason::kCommand);
    detach_after = 2s;
    now += 2s;
    mappings.Lose();
    mappings.Report(Library("other"));
  };
  Watch("the library to be left");
  EXPECT_THAT(prober.detached, Contains(path));
}

TEST_F(LibraryWatchTest, MakesWayForAWriterAndComesBack) {
  const std::string path = Library("libssl.so.3");
  on_names = [&](const auto& names) {
    if (prober.asked.empty()) return mappings.Report(path);
    if (prober.asked.size() == 2) return stop->Raise(StopReason::kCommand);
    if (!names.empty()) return guard.WriteToAll();
    now += 1s;  // the writer is done
  };
  Watch("the library to be attached to again");
  EXPECT_THAT(prober.detached, ElementsAre(path));
  EXPECT_THAT(libraries.names(), ElementsAre(path));
}

TEST_F(LibraryWatchTest, PollsTheDescriptorsThatTheSourceHasNow) {
  const std::string path = Library("libssl.so.3");
  on_names = [&](const auto& names) {
    if (!names.empty()) return stop->Raise(StopReason::kCommand);
    mappings.Report(folder.path() + "/no-library");
    mappings.after_next_poll = [&] {
      mappings.Replace();  // as a CPU's event is when it comes back
      mappings.Report(path);
    };
  };
  Watch("the library that was reported by another descriptor");
  EXPECT_THAT(libraries.names(), ElementsAre(path));
}

TEST_F(LibraryWatchTest, ServesTheOtherDescriptors) {
  const UniqueFd other(eventfd(1, EFD_CLOEXEC));
  int calls = 0;
  options.others.push_back({other.get(), [&] {
                              ++calls;
                              stop->Raise(StopReason::kCommand);
                            }});
  Watch("the other descriptor");
  EXPECT_EQ(calls, 1);
  EXPECT_THAT(prober.asked, IsEmpty());
}

}  // namespace
}  // namespace tlscope
