// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "processor/sinks/files/file_sink.h"
#include "tests/unit/await.h"
#include "tests/unit/processor/sinks/sink_expectations.h"

namespace tlscope {

inline std::vector<std::string> Lines(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

/// Sinks that write into a folder of their own, at a time that the test sets.
class FileSinkTest : public testing::Test {
 protected:
  using TimePoint = std::chrono::system_clock::time_point;

  FileSinkTest() {
    EXPECT_NE(mkdtemp(folder_.data()), nullptr);
    using namespace std::chrono_literals;
    SetTime(std::chrono::sys_days(std::chrono::year(2026) / 11 / 21) + 18h + 58min + 13s + 7ms);
  }
  ~FileSinkTest() override { std::filesystem::remove_all(folder_); }

  const std::string& folder() const { return folder_; }
  std::string Path(const std::string& name) const { return folder_ + '/' + name; }

  TimePoint now() const { return TimePoint(TimePoint::duration(now_.load())); }
  void SetTime(TimePoint time) { now_ = time.time_since_epoch().count(); }

  /// A sink whose clock is the test's; `on_look` is called when it looks at the clock.
  std::unique_ptr<FileSink> Open(
      FileSinkOptions options, std::function<void()> on_look = [] {}) const {
    options.now = [this, on_look = std::move(on_look)] {
      on_look();
      return now();
    };
    auto sink = FileSink::Open(options);
    EXPECT_TRUE(sink) << sink.error().Describe();
    return std::move(*sink);
  }

  /// How Open refuses `pattern`.
  static std::string Refusal(const std::string& pattern) {
    const auto sink = FileSink::Open({.pattern = pattern});
    return sink ? "taken" : sink.error().Describe();
  }

  /// Pushes, and waits until the sink has nothing more to write.
  static void PushAndAwait(FileSink& sink, const std::string& block) {
    EXPECT_TRUE(sink.Push(block));
    AwaitFor("an empty queue", [&] { return sink.stats().queued_blocks == 0; });
  }

  void AwaitNoName(const std::string& name) const {
    AwaitFor("the removal of " + name, [&] { return access(Path(name).c_str(), F_OK) != 0; });
  }

  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
      names.push_back(entry.path().filename());
    }
    std::sort(names.begin(), names.end());
    return names;
  }

  std::string Read(const std::string& name) const {
    std::ifstream file(Path(name), std::ios::binary);
    EXPECT_TRUE(file) << name;
    return {std::istreambuf_iterator<char>(file), {}};
  }

  std::string Unzip(const std::string& name) const {
    gzFile file = gzopen(Path(name).c_str(), "rb");
    EXPECT_NE(file, nullptr) << name;
    EXPECT_NE(gzdirect(file), 1) << name << " is not compressed";
    std::string text;
    std::array<char, 4096> chunk;
    int got = 0;
    while ((got = gzread(file, chunk.data(), chunk.size())) > 0) {
      text.append(chunk.data(), static_cast<std::size_t>(got));
    }
    EXPECT_EQ(got, 0) << name;
    EXPECT_EQ(gzclose(file), Z_OK) << name;
    return text;
  }

  /// What all files hold, in the order of their names.
  std::vector<std::string> ReadAll() const {
    std::vector<std::string> texts;
    for (const std::string& name : Names()) {
      texts.push_back(name.ends_with(".gz") ? Unzip(name) : Read(name));
    }
    return texts;
  }

  void Write(const std::string& name, const std::string& text) const {
    std::ofstream(Path(name), std::ios::binary) << text;
  }

  void RemoveAll() const {
    for (const std::string& name : Names()) unlink(Path(name).c_str());
  }

  mode_t ModeOf(const std::string& name) const { return StatusOf(name).st_mode & 07777; }

  void SetModified(const std::string& name, TimePoint time) const {
    const timespec at{std::chrono::system_clock::to_time_t(time), 0};
    SetTimes(name, at);
  }
  void CopyModified(const std::string& from, const std::string& to) const {
    SetTimes(to, StatusOf(from).st_mtim);
  }

 private:
  struct stat StatusOf(const std::string& name) const {
    struct stat status {};
    EXPECT_EQ(stat(Path(name).c_str(), &status), 0) << name;
    return status;
  }
  void SetTimes(const std::string& name, timespec time) const {
    const std::array<timespec, 2> times{time, time};
    EXPECT_EQ(utimensat(AT_FDCWD, Path(name).c_str(), times.data(), 0), 0) << name;
  }

  std::string folder_ = testing::TempDir() + "tlscope_sink_XXXXXX";
  std::atomic<TimePoint::rep> now_ = 0;
};

}  // namespace tlscope
