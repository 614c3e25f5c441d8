// SPDX-License-Identifier: Apache-2.0
#include "processor/outputs/event_log.h"

#include <gmock/gmock.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/unit/processor/base/scratch_folder.h"
#include "tests/unit/processor/formats/protobuf_maps.h"

namespace tlscope {
namespace {

using google::protobuf::Struct;

class EventLogTest : public ::testing::Test {
 protected:
  void SetUp() override { TLSCOPE_NEEDS_PROTOBUF_MAPS(); }

  std::unique_ptr<EventLog> Open(bool payload = false) {
    EventLogOptions options;
    options.file.pattern = path_;
    options.payload = payload;
    options.version = "1.0";
    options.host = "host";
    options.instance = "default";
    auto log = EventLog::Open(bus_, std::move(options));
    EXPECT_TRUE(log) << log.error().Describe();
    return std::move(*log);
  }

  /// Every line, each of which has to be an object of JSON.
  std::vector<Struct> Records() const {
    std::vector<Struct> records;
    std::ifstream file(path_);
    for (std::string line; std::getline(file, line);) {
      EXPECT_TRUE(google::protobuf::util::JsonStringToMessage(line, &records.emplace_back()).ok())
          << line;
    }
    return records;
  }

  static std::string Text(const Struct& record, const std::string& key) {
    const auto field = record.fields().find(key);
    return field == record.fields().end() ? "" : field->second.string_value();
  }
  static double Number(const Struct& record, const std::string& key) {
    const auto field = record.fields().find(key);
    return field == record.fields().end() ? -1 : field->second.number_value();
  }

  void PublishMessage(BusPublisher& publisher) {
    ConnectionInfo connection;
    Message message;
    message.head = "secret head";
    message.body = "secret body";
    message.content_bytes = message.body.size();
    publisher.Publish(Topic::kHttpRequest, {1, {}},
                      MessageEvent{connection, DataType::kWrite, "u", message});
  }

  testing::ScratchFolder folder_;
  const std::string path_ = folder_.path() + "/events.jsonl";
  EventBus bus_;
};

TEST_F(EventLogTest, BeginsAndEndsWithRecordsOfItsOwn) {
  const auto log = Open();
  bus_.Publish(Topic::kHealthDiagnostics, WarningEvent{"careful \"you\"\n"});
  log->Close();
  const auto records = Records();
  ASSERT_EQ(records.size(), 3U);
  EXPECT_EQ(Text(records[0], "record"), "log_started");
  EXPECT_EQ(Text(records[0], "host"), "host");
  EXPECT_EQ(Text(records[1], "kind"), "WARNING_ISSUED");
  EXPECT_EQ(Text(records[1].fields().at("warning_issued").struct_value(), "text"),
            "careful \"you\"\n");
  EXPECT_EQ(Text(records[2], "record"), "log_ended");
  EXPECT_EQ(Number(records[2], "events"), 1);
  EXPECT_EQ(Number(records[2], "missed"), 0);
  for (const Struct& record : records) EXPECT_NE(Text(record, "time"), "");
}

TEST_F(EventLogTest, LeavesOutWhatMessagesSayUnlessAsked) {
  BusPublisher& publisher = bus_.MakePublisher();
  auto log = Open();
  PublishMessage(publisher);
  log->Close();
  const Struct without = Records()[1].fields().at("message_decoded").struct_value();
  EXPECT_EQ(without.fields().count("head") + without.fields().count("body"), 0U);
  EXPECT_EQ(Number(without, "content_bytes"), 11);

  std::remove(path_.c_str());
  log = Open(true);
  PublishMessage(publisher);
  log->Close();
  const Struct with = Records()[1].fields().at("message_decoded").struct_value();
  EXPECT_EQ(Text(with, "head"), "secret head");
  EXPECT_EQ(Text(with, "body"), "secret body");
}

TEST_F(EventLogTest, AccountsForEveryEventOfABurst) {
  constexpr std::uint64_t kEvents = 300'000;
  const auto log = Open();
  BusPublisher& publisher = bus_.MakePublisher();
  for (std::uint64_t i = 0; i < kEvents; ++i) {
    publisher.Publish(Topic::kHealthStatus, {i, {}}, MetricEvent{"m", {}, 1});
  }
  log->Close();
  std::uint64_t written = 0;
  double missed = 0;
  for (const Struct& record : Records()) {
    if (Text(record, "kind") == "METRIC_RECORDED") ++written;
    if (Text(record, "record") == "events_missed") missed += Number(record, "events");
  }
  const SinkStats stats = log->stats();
  const std::uint64_t dropped =
      stats.dropped_full_blocks + stats.dropped_failed_blocks + stats.dropped_closed_blocks;
  EXPECT_EQ(missed, static_cast<double>(log->missed()));
  EXPECT_EQ(written + log->missed() + dropped, kEvents);
}

TEST_F(EventLogTest, FailsWhereItCannotWrite) {
  EventLogOptions options;
  options.file.pattern = folder_.path() + "/missing/events.jsonl";
  const auto log = EventLog::Open(bus_, std::move(options));
  ASSERT_FALSE(log);
  EXPECT_THAT(log.error().Describe(), ::testing::HasSubstr("missing"));
}

}  // namespace
}  // namespace tlscope
