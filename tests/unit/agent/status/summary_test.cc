// SPDX-License-Identifier: Apache-2.0
#include "agent/status/summary.h"

#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <memory>
#include <sstream>
#include <string>
#include <utility>

namespace tlscope {
namespace {

/// What goes to the log while it lives.
class CapturedLog {
 public:
  CapturedLog() : before_(spdlog::default_logger()) {
    auto sink = std::make_shared<spdlog::sinks::ostream_sink_mt>(text_);
    auto logger = std::make_shared<spdlog::logger>("", std::move(sink));
    logger->set_pattern("%v");
    spdlog::set_default_logger(std::move(logger));
  }
  ~CapturedLog() { spdlog::set_default_logger(before_); }
  CapturedLog(const CapturedLog&) = delete;
  CapturedLog& operator=(const CapturedLog&) = delete;

  std::string text() const { return text_.str(); }

 private:
  std::ostringstream text_;
  const std::shared_ptr<spdlog::logger> before_;
};

SinkSnapshot Snapshot(std::string name, bool network) {
  SinkSnapshot snapshot{std::move(name), {}, network};
  snapshot.stats.written_blocks = 10;
  snapshot.stats.written_bytes = 1000;
  return snapshot;
}

TEST(SummaryTest, SaysOfEachOutputWhatWasDroppedAndWhy) {
  SinkSnapshot file = Snapshot("out.txt", false);
  file.stats.dropped_failed_blocks = 7;
  SinkSnapshot collector = Snapshot("tcp://c:1", true);
  collector.stats.acknowledged_blocks = 9;
  collector.stats.dropped_full_blocks = 1;
  collector.stats.dropped_failed_blocks = 2;
  collector.stats.unconfirmed_blocks = 1;
  collector.stats.dropped_closed_blocks = 4;
  collector.stats.resent_blocks = 5;
  collector.stats.connects = 3;
  collector.stats.connect_failures = 6;
  const CapturedLog log;
  PrintOutputs({Snapshot("-", false), file, collector});
  EXPECT_EQ(
      log.text(),
      "output to -: 10 messages written (1000 bytes), 0 dropped\n"
      "output to out.txt: 10 messages written (1000 bytes), 7 dropped\n"
      "  of those dropped 0 for want of room, 7 not delivered or refused, of which 0 were sent, "
      "0 after it was closed or broke\n"
      "output to tcp://c:1: 10 messages written (1000 bytes), 7 dropped\n"
      "  of those written 9 were acknowledged; 5 were sent again; 3 connections, 6 failures to "
      "connect\n"
      "  of those dropped 1 for want of room, 2 not delivered or refused, of which 1 were sent, "
      "4 after it was closed or broke\n");
}

}  // namespace
}  // namespace tlscope
