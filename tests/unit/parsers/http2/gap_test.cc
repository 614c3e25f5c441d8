// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <map>
#include <random>

#include "tests/unit/parsers/http2/http2_testing.h"

namespace tlscope {
namespace {

using namespace testing_support;  // NOLINT(google-build-using-namespace): the tests' vocabulary

/// A connection of one direction: its frames one by one, and the messages in it.
struct Sent {
  std::vector<std::string> frames;
  std::map<std::uint32_t, Fields> heads;
  std::map<std::uint32_t, Fields> trailers;
  std::map<std::uint32_t, std::string> bodies;
};

Sent MakeResponses(unsigned streams) {
  Sent sent;
  Encoder encoder;
  sent.frames.push_back(Settings(Setting(3, 100)));
  for (unsigned i = 0; i < streams; ++i) {
    const std::uint32_t id = 2 * i + 1;
    const std::string number = std::to_string(i);
    sent.heads[id] = {{":status", "200"}, {"etag", number}, {"server", std::to_string(i / 4)}};
    sent.bodies[id] = "body " + number;
    std::string block = encoder.Block(sent.heads[id]);
    sent.frames.push_back(Frame(FrameType::kHeaders, 0, id, block.substr(0, 2)));
    sent.frames.push_back(Frame(FrameType::kContinuation, kFlagEndHeaders, id, block.substr(2)));
    sent.frames.push_back(Data(id, sent.bodies[id].substr(0, 3)));
    sent.frames.push_back(Frame(FrameType::kPing, 0, 0, "pingpong"));
    const bool has_trailers = i % 3 == 0;
    sent.frames.push_back(Data(id, sent.bodies[id].substr(3), has_trailers ? 0 : kFlagEndStream));
    if (!has_trailers) continue;
    sent.trailers[id] = {{"x-sum", number}};
    sent.frames.push_back(Headers(id, encoder.Block(sent.trailers[id]), kFlagEndStream));
  }
  return sent;
}

std::string All(const Sent& sent) {
  std::string bytes;
  for (const std::string& frame : sent.frames) bytes += frame;
  return bytes;
}

/// No line of a header list is wrong: it is the one that was sent, or says that it is unknown.
void ExpectTrueHead(const Message& message, const Fields& fields) {
  std::string_view rest = message.head;
  std::size_t index = 0;
  while (!rest.empty() && rest != "\r\n") {
    const std::string_view line = rest.substr(0, rest.find('\n') + 1);
    rest.remove_prefix(line.size());
    if (line.starts_with("<the rest")) continue;
    ASSERT_LT(index, fields.size()) << message.head;
    const auto& [name, value] = fields[index++];
    if (line.starts_with("<unknown:")) continue;
    ASSERT_EQ(line, name + ": " + value + "\r\n");
  }
}

void ExpectOnlyTrue(const Messages& messages, const Sent& sent) {
  for (const Message& message : messages) {
    if (message.stream_id == 0) continue;
    ASSERT_TRUE(sent.heads.contains(message.stream_id));
    if (!message.head.empty()) {
      const bool trailers = message.status == 0 && sent.trailers.contains(message.stream_id) &&
                            message.head.find("etag") == std::string::npos;
      if (!trailers) ExpectTrueHead(message, sent.heads.at(message.stream_id));
    }
    if (message.complete && message.status == 200) {
      ASSERT_EQ(message.body, sent.bodies.at(message.stream_id));
    }
  }
}

Messages ParseWithLoss(const std::string& bytes, std::size_t begin, std::size_t end) {
  Http2Connection connection;
  connection.server.Feed(std::string_view(bytes).substr(0, begin), kKtime);
  if (end > begin) connection.server.Gap(end - begin, kKtime);
  connection.server.Feed(std::string_view(bytes).substr(end), kKtime);
  EXPECT_EQ(connection.server.held_bytes(), connection.budget.used_bytes());
  connection.Finish();
  return std::move(connection.responses.messages);
}

TEST(Http2GapTest, NoLossMakesAWrongHeaderOrBody) {
  const Sent sent = MakeResponses(8);
  const std::string bytes = All(sent);
  for (std::size_t begin = 0; begin < bytes.size(); ++begin) {
    for (const std::size_t length : {1, 2, 5, 9, 13, 40, 90}) {
      SCOPED_TRACE(testing::Message() << begin << "+" << length);
      ExpectOnlyTrue(ParseWithLoss(bytes, begin, std::min(begin + length, bytes.size())), sent);
      if (testing::Test::HasFatalFailure()) return;
    }
  }
}

TEST(Http2GapTest, EveryLostFrameIsSurvivedAndTheLaterOnesAreRead) {
  const Sent sent = MakeResponses(8);
  const std::string bytes = All(sent);
  std::size_t begin = 0;
  for (std::size_t i = 0; i + 12 < sent.frames.size(); ++i) {
    SCOPED_TRACE(i);
    const Messages messages = ParseWithLoss(bytes, begin, begin + sent.frames[i].size());
    ExpectOnlyTrue(messages, sent);
    const bool last_is_read =
        std::any_of(messages.begin(), messages.end(), [&sent](const Message& message) {
          return message.stream_id == 15 && message.complete && message.body == sent.bodies.at(15);
        });
    EXPECT_TRUE(last_is_read) << testing::PrintToString(messages);
    begin += sent.frames[i].size();
  }
}

TEST(Http2GapTest, JumpsOverLostBytesOfABody) {
  Encoder encoder;
  Http2Connection connection;
  connection.server.Feed(Headers(1, encoder.Block(kOkFields)), kKtime);
  const std::string data = Data(1, "0123456789", kFlagEndStream);
  connection.server.Feed(data.substr(0, 12), kKtime);
  connection.server.Gap(4, kKtime);
  connection.server.Feed(data.substr(16), kKtime);
  connection.server.Feed(Headers(3, encoder.Block(kOkFields), kFlagEndStream), kKtime);
  EXPECT_EQ(connection.responses.messages,
            (Messages{WithGap(Http2Response(1, kOkFields, "012789"), 3, 4),
                      Http2Response(3, kOkFields)}));
  connection.Finish();
}

TEST(Http2GapTest, SaysWhatWasSkippedAndThatItIsBackInStep) {
  Encoder encoder;
  Http2Connection connection;
  connection.server.Feed(Settings(), kKtime);
  connection.server.Gap(100, kKtime);
  const std::string response = Headers(1, encoder.Block(kOkFields), kFlagEndStream);
  connection.server.Feed("rest of a body" + Frame(FrameType::kPing, 0, 0, "pingpong") + response,
                         kKtime);
  EXPECT_EQ(connection.responses.messages,
            (Messages{Unknown("rest of a body"), Resynchronised(Http2Response(1, kOkFields))}));
  connection.Finish();
}

TEST(Http2GapTest, AConnectionJoinedLateLearnsWhoSpeaksFromTheFields) {
  Encoder requests;
  Encoder responses;
  Http2Connection connection(http2::Start::kLate, http2::Start::kLate);
  connection.server.Feed(Headers(1, responses.Block(kOkFields), kFlagEndStream), kKtime);
  connection.client.Feed(Headers(3, requests.Block(kGet), kFlagEndStream), kKtime);
  EXPECT_EQ(connection.responses.messages, (Messages{Resynchronised(Http2Response(1, kOkFields))}));
  EXPECT_EQ(connection.requests.messages, (Messages{Resynchronised(Http2Request(3, kGet))}));
  connection.Finish();
}

TEST(Http2GapTest, DataOfAStreamJoinedLateIsAMessageWithoutHead) {
  Http2Connection connection(http2::Start::kLate, http2::Start::kLate);
  connection.server.Feed(Data(1, "tail", kFlagEndStream), kKtime);
  ASSERT_EQ(connection.responses.messages.size(), 1U);
  const Message& message = connection.responses.messages[0];
  EXPECT_EQ(message.body, "tail");
  EXPECT_EQ(message.gaps, (std::vector<BodyGap>{{0, 0}}));
  EXPECT_FALSE(message.complete);
  EXPECT_EQ(message.parser, ParserType::kUnknown);
  connection.Finish();
}

TEST(Http2GapTest, JoinedAtEveryFrameItHealsAndIsNeverWrong) {
  const Sent sent = MakeResponses(40);
  for (std::size_t first = 0; first < 60; ++first) {
    SCOPED_TRACE(first);
    Http2Connection connection(http2::Start::kOfClient, http2::Start::kLate);
    for (std::size_t i = first; i < sent.frames.size(); ++i) {
      connection.server.Feed(sent.frames[i], kKtime);
    }
    connection.Finish();
    ExpectOnlyTrue(connection.responses.messages, sent);
    const Message& last = connection.responses.messages.back();
    EXPECT_EQ(last.head, Head(sent.heads.at(last.stream_id)));
  }
}

}  // namespace
}  // namespace tlscope
