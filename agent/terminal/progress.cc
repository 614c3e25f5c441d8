// SPDX-License-Identifier: Apache-2.0
#include "agent/terminal/progress.h"

#include <spdlog/fmt/fmt.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "agent/terminal/log.h"

namespace tlscope {
namespace {

using Seconds = EtaEstimator::Seconds;

constexpr std::chrono::milliseconds kTellEvery{100};
constexpr std::size_t kBarWidth = 30;

// An estimate beyond this says nothing.
constexpr Seconds kLongest = std::chrono::hours(24 * 100);

std::string_view UnitName(ProgressUnit unit) {
  switch (unit) {
    case ProgressUnit::kNone:
      return "";
    case ProgressUnit::kBytes:
      return "bytes";
    case ProgressUnit::kCalls:
      return "calls";
    case ProgressUnit::kMessages:
      return "messages";
  }
  return "";
}

std::string Amount(std::uint64_t amount, ProgressUnit unit) {
  if (unit == ProgressUnit::kBytes) return BytesText(amount);
  return fmt::format("{} {}", amount, UnitName(unit));
}

/// Never 100 before the end.
int Percent(double fraction) { return static_cast<int>(std::floor(fraction * 100)); }

std::string Bar(double fraction) {
  const auto filled = static_cast<std::size_t>(fraction * static_cast<double>(kBarWidth));
  return std::string(filled, '#') + std::string(kBarWidth - filled, '-');
}

std::string EtaText(const std::optional<Seconds>& eta) {
  return "ETA: " + (eta && *eta < kLongest ? DurationText(*eta) : "--");
}

}  // namespace

std::string DurationText(Seconds duration) {
  constexpr std::array<std::pair<std::int64_t, char>, 4> kUnits{
      {{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}}};
  auto left = static_cast<std::int64_t>(std::clamp(duration, Seconds{0}, Seconds{1e15}).count());
  for (std::size_t i = 0; i + 1 < kUnits.size(); ++i) {
    const auto [size, name] = kUnits[i];
    if (left < size) continue;
    const auto [next_size, next_name] = kUnits[i + 1];
    return fmt::format("{}{} {}{}", left / size, name, left % size / next_size, next_name);
  }
  return fmt::format("{}s", left);
}

std::string BytesText(std::uint64_t bytes) {
  constexpr std::array<const char*, 5> kNames{"KiB", "MiB", "GiB", "TiB", "PiB"};
  if (bytes < 1024) return fmt::format("{} B", bytes);
  double amount = static_cast<double>(bytes) / 1024;
  std::size_t name = 0;
  for (; amount >= 1024 && name + 1 < kNames.size(); ++name) amount /= 1024;
  return fmt::format("{:.1f} {}", amount, kNames[name]);
}

Progress::Progress(ProgressOptions options, std::vector<ProgressStage> stages)
    : options_(std::move(options)),
      stages_(std::move(stages)),
      start_(options_.now()),
      stage_start_(start_) {
  for (const ProgressStage& stage : stages_) weight_ += stage.weight;
}

double Progress::StageFraction() const {
  if (stage().total == 0) return 0;
  return std::min(1.0, static_cast<double>(done_) / static_cast<double>(stage().total));
}

double Progress::Fraction() const {
  if (current_ == stages_.size()) return 1;
  return (done_weight_ + StageFraction() * stage().weight) / weight_;
}

void Progress::Update(std::uint64_t done) {
  if (finished_ || current_ == stages_.size()) return;
  done_ = done;
  const Clock::time_point now = options_.now();
  if (!any_told_ || now - told_ >= kTellEvery) Tell(now, false);
}

void Progress::NextStage() {
  if (finished_ || current_ == stages_.size()) return;
  done_ = std::max(done_, stage().total);
  const Clock::time_point now = options_.now();
  if (current_ + 1 < stages_.size()) {
    done_weight_ += stage().weight;
    ++current_;
    done_ = 0;
    stage_start_ = now;
  }
  Tell(now, false);
}

void Progress::Finish() {
  if (finished_) return;
  if (any_told_) Tell(options_.now(), true);
  finished_ = true;
}

void Progress::Tell(Clock::time_point now, bool last) {
  told_ = now;
  any_told_ = true;
  const Seconds elapsed = now - start_;
  eta_.Add(elapsed, Fraction());
  if (options_.bus != nullptr)
    options_.bus->Publish(Topic::kAgentTask, ProgressEvent{stage().name, done_, stage().total,
                                                           UnitName(stage().unit)});
  if (options_.style != ProgressStyle::kNone && options_.draw)
    options_.draw(Line(elapsed, last), last);
}

std::string Progress::Line(Seconds elapsed, bool last) const {
  if (options_.style == ProgressStyle::kDetailed) return Detailed(elapsed, last);
  std::string line = fmt::format("[Stage {}/{}] {} ", current_ + 1, stages_.size(), stage().name);
  const double fraction = Fraction();
  if (stage().total == 0) {
    line += Amount(done_, stage().unit);
  } else if (options_.style == ProgressStyle::kBars) {
    line += fmt::format("[{}] {}%", Bar(fraction), Percent(fraction));
  } else {
    line += fmt::format("{}%", Percent(fraction));
  }
  if (last) return line + " | took " + DurationText(elapsed);
  return stage().total == 0 ? line : line + " | " + EtaText(eta_.Best());
}

std::string Progress::Detailed(Seconds elapsed, bool last) const {
  std::string line = fmt::format("[Stage {}/{}] {}", current_ + 1, stages_.size(), stage().name);
  const ProgressUnit unit = stage().unit;
  if (unit != ProgressUnit::kNone) {
    line += " " + Amount(done_, unit);
    if (stage().total != 0) line += " of " + Amount(stage().total, unit);
    const Seconds in_stage = told_ - stage_start_;
    if (in_stage > Seconds{0}) {
      const auto pace = static_cast<std::uint64_t>(static_cast<double>(done_) / in_stage.count());
      line += ", " + Amount(pace, unit) + "/s";
    }
  }
  if (stage().total != 0)
    line += fmt::format(" | stage {}%, all {}%", Percent(StageFraction()), Percent(Fraction()));
  if (last) return line + " | took " + DurationText(elapsed);
  line += " | elapsed " + DurationText(elapsed);
  return stage().total == 0 ? line : line + " | " + EtaText(eta_.Best());
}

ProgressStyle ProgressStyleHere(ProgressStyle wanted, bool quiet) {
  return quiet || isatty(STDERR_FILENO) != 1 ? ProgressStyle::kNone : wanted;
}

ProgressOptions ProgressOnStderr(ProgressStyle wanted, bool quiet, EventBus* bus) {
  ProgressOptions options;
  options.style = ProgressStyleHere(wanted, quiet);
  options.bus = bus;
  options.draw = [](std::string_view line, bool last) { ShowBelowLog(line, last); };
  return options;
}

}  // namespace tlscope
