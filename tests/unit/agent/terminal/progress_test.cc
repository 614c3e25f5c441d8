// SPDX-License-Identifier: Apache-2.0
#include "agent/terminal/progress.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace tlscope {
namespace {

using namespace std::chrono_literals;
using Seconds = EtaEstimator::Seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

/// Listens to progress on a bus.
class Listener final : public BusSubscriber {
 public:
  void OnBusEvent(Topic /*topic*/, const BusPayload& payload) noexcept override {
    const auto* const progress = std::get_if<ProgressEvent>(&payload);
    if (progress == nullptr) return;
    heard.push_back(std::string(progress->task) + " " + std::to_string(progress->done) + "/" +
                    std::to_string(progress->total) + " " + std::string(progress->unit));
  }

  std::vector<std::string> heard;
};

class ProgressTest : public ::testing::Test {
 protected:
  Progress Make(ProgressStyle style, std::vector<ProgressStage> stages, EventBus* bus = nullptr) {
    ProgressOptions options;
    options.style = style;
    options.bus = bus;
    options.now = [this] { return now_; };
    options.draw = [this](std::string_view line, bool last) {
      lines_.push_back(std::string(line) + (last ? "\n" : ""));
    };
    return Progress(std::move(options), std::move(stages));
  }
  void Pass(std::chrono::milliseconds time) { now_ += time; }

  std::chrono::steady_clock::time_point now_{std::chrono::hours(1)};
  std::vector<std::string> lines_;
};

const std::vector<ProgressStage> kOne{{"Replaying", ProgressUnit::kBytes, 1000, 1}};

TEST_F(ProgressTest, ShowsACompactLine) {
  Progress progress = Make(ProgressStyle::kCompact, kOne);
  progress.Update(0);
  Pass(10s);
  progress.Update(250);
  Pass(10s);
  progress.Update(999);
  Pass(1s);
  progress.Update(1000);
  progress.Finish();
  EXPECT_THAT(
      lines_,
      ElementsAre("[Stage 1/1] Replaying 0% | ETA: --", "[Stage 1/1] Replaying 25% | ETA: 30s",
                  "[Stage 1/1] Replaying 99% | ETA: 0s", "[Stage 1/1] Replaying 100% | ETA: 0s",
                  "[Stage 1/1] Replaying 100% | took 21s\n"));
}

TEST_F(ProgressTest, ShowsDetails) {
  Progress progress = Make(ProgressStyle::kDetailed, {{"Reading", ProgressUnit::kBytes, 4 << 20, 3},
                                                      {"Writing", ProgressUnit::kMessages, 10, 1}});
  Pass(4s);
  progress.Update(2 << 20);
  Pass(4s);
  progress.NextStage();
  Pass(2s);
  progress.Update(5);
  Pass(2s);
  progress.Update(10);
  progress.Finish();
  EXPECT_THAT(
      lines_,
      ElementsAre(
          "[Stage 1/2] Reading 2.0 MiB of 4.0 MiB, 512.0 KiB/s | stage 50%, all 37% | elapsed 4s | "
          "ETA: 6s",
          "[Stage 2/2] Writing 0 messages of 10 messages | stage 0%, all 75% | elapsed 8s | ETA: "
          "2s",
          "[Stage 2/2] Writing 5 messages of 10 messages, 2 messages/s | stage 50%, all 87% | "
          "elapsed 10s | ETA: 1s",
          "[Stage 2/2] Writing 10 messages of 10 messages, 2 messages/s | stage 100%, all 100% | "
          "elapsed 12s | ETA: 0s",
          "[Stage 2/2] Writing 10 messages of 10 messages, 2 messages/s | stage 100%, all 100% | "
          "took 12s\n"));
}

TEST_F(ProgressTest, ShowsABar) {
  Progress progress = Make(ProgressStyle::kBars, kOne);
  Pass(100s);
  progress.Update(333);
  EXPECT_THAT(lines_, ElementsAre("[Stage 1/1] Replaying [#########---------------------] 33% | "
                                  "ETA: 3m 20s"));
}

TEST_F(ProgressTest, WeighsStages) {
  Progress progress = Make(ProgressStyle::kCompact, {{"A", ProgressUnit::kNone, 10, 1},
                                                     {"B", ProgressUnit::kNone, 10, 8},
                                                     {"C", ProgressUnit::kNone, 10, 1}});
  Pass(1s);
  progress.NextStage();
  Pass(1s);
  progress.Update(5);
  progress.NextStage();
  progress.NextStage();
  EXPECT_THAT(lines_, ElementsAre("[Stage 2/3] B 10% | ETA: 9s", "[Stage 2/3] B 50% | ETA: 3s",
                                  "[Stage 3/3] C 90% | ETA: 0s", "[Stage 3/3] C 100% | ETA: 0s"));
}

TEST_F(ProgressTest, WithoutATotalShowsHowMuchThereWas) {
  Progress progress = Make(ProgressStyle::kBars, {{"Replaying", ProgressUnit::kBytes, 0, 1}});
  Pass(1s);
  progress.Update(1536);
  progress.Finish();
  EXPECT_THAT(lines_, ElementsAre("[Stage 1/1] Replaying 1.5 KiB",
                                  "[Stage 1/1] Replaying 1.5 KiB | took 1s\n"));
}

TEST_F(ProgressTest, DrawsTenTimesASecondAtMost) {
  Progress progress = Make(ProgressStyle::kCompact, kOne);
  for (std::uint64_t i = 0; i < 1000; ++i) {
    progress.Update(i);
    Pass(1ms);
  }
  EXPECT_EQ(lines_.size(), 10U);
}

TEST_F(ProgressTest, EndsItsLineOnceAndOnlyIfThereIsOne) {
  Progress silent = Make(ProgressStyle::kCompact, kOne);
  silent.Finish();
  EXPECT_THAT(lines_, IsEmpty());
  Progress progress = Make(ProgressStyle::kCompact, kOne);
  progress.Update(1);
  progress.Finish();
  progress.Finish();
  Pass(1s);
  progress.Update(2);
  progress.NextStage();
  EXPECT_THAT(lines_, ElementsAre("[Stage 1/1] Replaying 0% | ETA: --",
                                  "[Stage 1/1] Replaying 0% | took 0s\n"));
}

TEST_F(ProgressTest, TellsTheBusWhateverTheStyle) {
  EventBus bus;
  Listener listener;
  ASSERT_TRUE(bus.Subscribe("control.agent.task", listener));
  Progress progress = Make(ProgressStyle::kNone, kOne, &bus);
  progress.Update(10);
  Pass(1s);
  progress.Update(20);
  EXPECT_THAT(listener.heard, ElementsAre("Replaying 10/1000 bytes", "Replaying 20/1000 bytes"));
  EXPECT_THAT(lines_, IsEmpty());
}

TEST(EtaTest, IsLinearAtFirstAndThenFollowsThePace) {
  EtaEstimator eta;
  EXPECT_FALSE(eta.Best());
  eta.Add(Seconds(0.5), 0.05);
  EXPECT_FALSE(eta.Smoothed());
  EXPECT_NEAR(eta.Best()->count(), 9.5, 1e-9);
  eta.Add(Seconds(1), 0.1);  // 0.1 a second
  EXPECT_NEAR(eta.Smoothed()->count(), 9, 1e-9);
  eta.Add(Seconds(2), 0.3);  // now 0.2 a second, of which a fifth counts: 0.12
  EXPECT_NEAR(eta.Smoothed()->count(), 0.7 / 0.12, 1e-9);
  EXPECT_NEAR(eta.Linear()->count(), 2 * 0.7 / 0.3, 1e-9);
  EXPECT_EQ(eta.Best(), eta.Smoothed());
}

TEST(ProgressTextTest, NamesDurationsByTheirTwoLargestUnits) {
  EXPECT_EQ(DurationText(Seconds(0.9)), "0s");
  EXPECT_EQ(DurationText(Seconds(59)), "59s");
  EXPECT_EQ(DurationText(Seconds(204)), "3m 24s");
  EXPECT_EQ(DurationText(Seconds(7200)), "2h 0m");
  EXPECT_EQ(DurationText(Seconds(100000)), "1d 3h");
  EXPECT_EQ(DurationText(Seconds(-5)), "0s");
}

TEST(ProgressTextTest, NamesAmountsOfBytes) {
  EXPECT_EQ(BytesText(1023), "1023 B");
  EXPECT_EQ(BytesText(1536), "1.5 KiB");
  EXPECT_EQ(BytesText(2ULL << 30), "2.0 GiB");
  EXPECT_EQ(BytesText(UINT64_MAX), "16384.0 PiB");
}

}  // namespace
}  // namespace tlscope
