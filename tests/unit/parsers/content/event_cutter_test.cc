// SPDX-License-Identifier: Apache-2.0
#include "parsers/content/event_cutter.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace tlscope::content {
namespace {

/// The events of `stream` fed in pieces of `grain` bytes, and what is left.
std::vector<std::string> Cut(std::string_view stream, std::size_t grain) {
  EventCutter cutter;
  std::vector<std::string> events(1);
  for (std::size_t at = 0; at < stream.size(); at += grain) {
    std::string_view piece = stream.substr(at, grain);
    for (;;) {
      const std::size_t end = cutter.Find(piece);
      events.back() += piece.substr(0, end);
      if (end == EventCutter::kNone) break;
      piece.remove_prefix(end);
      events.emplace_back();
    }
  }
  return events;
}

void ExpectEvents(const std::vector<std::string>& events) {
  std::string stream;
  for (const std::string& event : events) stream += event;
  for (std::size_t grain = 1; grain <= stream.size(); ++grain) {
    EXPECT_EQ(Cut(stream, grain), events) << grain;
  }
}

TEST(EventCutterTest, CutsAfterAnEmptyLineWhateverEndsLines) {
  ExpectEvents({"data: a\n\n", "data: b\ndata: c\n\n", ""});
  ExpectEvents({"data: a\r\n\r\n", "data: b\r\n\r\n", ""});
  ExpectEvents({"data: a\r\r", "data: b\r\r", "data: c"});
  ExpectEvents({"data: a\n\r\n", "data: b\r\n\n", ""});
  ExpectEvents({"data: a\r\n\r\n", "\r\ndata: b\r\n\r\n", ""});
}

TEST(EventCutterTest, LeavesEmptyLinesBeforeAnEventToIt) {
  ExpectEvents({"\n\n\ndata: a\n\n", "\n\ndata: b\n\n", "\n"});
}

TEST(EventCutterTest, KeepsWhatHasNoEndYet) {
  ExpectEvents({"data: a\n"});
  ExpectEvents({":"});
  ExpectEvents({"data: a\n\n", "data: half"});
}

TEST(EventCutterTest, CutsCommentsAndEventsWithoutData) {
  ExpectEvents({": ping\n\n", "event: end\nid\n\n", "data\n"});
}

TEST(PartRuleTest, KnowsTheTypesThatStream) {
  EXPECT_EQ(PartRuleOf("text/event-stream"), PartRule::kEvents);
  EXPECT_EQ(PartRuleOf(" Text/Event-Stream ; charset=utf-8"), PartRule::kEvents);
  EXPECT_EQ(PartRuleOf("application/x-ndjson"), PartRule::kLines);
  EXPECT_EQ(PartRuleOf("application/json-seq"), PartRule::kLines);
  EXPECT_EQ(PartRuleOf("multipart/x-mixed-replace; boundary=x"), PartRule::kPauses);
  EXPECT_EQ(PartRuleOf("application/grpc-web+proto"), PartRule::kPauses);
  EXPECT_EQ(PartRuleOf("application/grpc-web-text"), PartRule::kPauses);
  EXPECT_EQ(PartRuleOf("text/html"), PartRule::kWhole);
  EXPECT_EQ(PartRuleOf(""), PartRule::kWhole);
}

}  // namespace
}  // namespace tlscope::content
