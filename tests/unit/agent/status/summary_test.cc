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
      "  dropped: 0 queue full, 7 not delivered or refused, 0 output closed or broken; 0 of the "
      "undelivered were sent\n"
      "output to tcp://c:1: 10 messages written (1000 bytes), 7 dropped\n"
      "  of those written 9 were acknowledged; 5 were sent again; 3 connections, 6 failures to "
      "connect\n"
      "  dropped: 1 queue full, 2 not delivered or refused, 4 output closed or broken; 1 of the "
      "undelivered were sent\n");
}

TEST(SummaryTest, ListsEveryLossInTheWordsOfTheStatus) {
  KernelCounters kernel{};
  kernel[TLSCOPE_COUNT_SEEN] = {9, 900};
  kernel[TLSCOPE_COUNT_RING_FULL] = {1, 10};
  kernel[TLSCOPE_COUNT_NO_CALL] = {2, 7};
  kernel[TLSCOPE_COUNT_CALLS_LEFT] = {4, 0};
  ProcessorStats processor;
  processor.data_events = 8;
  processor.data_bytes = 890;
  processor.cut_bytes = 5;
  processor.workers_evicted = 3;
  const CapturedLog log;
  PrintSummary(kernel, Evictions{1, 2, 3}, processor, {});
  EXPECT_EQ(log.text(),
            "events seen: 9 (900 bytes)\n"
            "delivered: 8 records (890 bytes)\n"
            "messages: 0 (none)\n"
            "lost: ring full 1 (10 bytes), map full 0 (0 bytes), unreadable memory 0 (0 bytes), "
            "over --max-payload 0 (0 bytes), sent by SSL_sendfile 0 (0 bytes), paused 0 (0 bytes), "
            "unfinished writes 0 (0 bytes), calls that began unseen 2 (7 bytes)\n"
            "also lost: records without plaintext (ring full) 0, calls that never ended 4, calls "
            "that cannot be told apart 0, undecodable records 0, over --tsize or --max-body 5 "
            "bytes, unpaired halves of "
            "exchanges 0, connections evicted 3, handshakes evicted 0\n"
            "evicted: 1 SSL objects, 2 threads, 3 threads with memory BIOs\n"
            "filtered: 0 calls, 0 records of unknown or other ports\n");
}

}  // namespace
}  // namespace tlscope
