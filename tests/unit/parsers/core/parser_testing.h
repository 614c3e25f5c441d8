// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <fstream>
#include <iterator>
#include <memory>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "parsers/http1/http1_parser.h"
#include "parsers/parser_registry.h"

namespace tlscope {

/// How GoogleTest shows a message that is not the expected one.
inline void PrintTo(const Message& message, std::ostream* out) {
  *out << "{type " << static_cast<int>(message.parser) << (message.complete ? "" : " incomplete")
       << (message.resynchronised ? " resynchronised" : "") << " method '" << message.method
       << "' target '" << message.target << "' status " << message.status << " exchange "
       << message.exchange << " content " << message.content_bytes << " cut " << message.cut_bytes
       << " ktime " << message.first_ktime_ns << ".." << message.last_ktime_ns << " gaps";
  for (const BodyGap& gap : message.gaps) *out << " " << gap.position << "+" << gap.bytes;
  *out << " decoded from '" << message.decoded_from << "' error '" << message.decode_error
       << "' packet " << static_cast<int>(message.packet) << " part " << message.part
       << (message.last_part ? " last" : "");
  *out << "\nhead " << testing::PrintToString(message.head) << "\nbody "
       << testing::PrintToString(message.body) << "\ntrailers "
       << testing::PrintToString(message.trailers) << "}";
}

namespace testing_support {

using Messages = std::vector<Message>;
using http1::Role;

/// CLOCK_MONOTONIC of every call where a test is not about time.
inline constexpr std::uint64_t kKtime = 7;

class Recorder final : public MessageHandler {
 public:
  void OnMessage(Message&& message) override { messages.push_back(std::move(message)); }
  Messages messages;
};

/// Both directions of one connection.
class Connection {
 public:
  explicit Connection(ParserLimits limits = {}, std::uint64_t budget_bytes = 64U << 20)
      : budget(budget_bytes),
        context{limits, budget, {}},
        request(Role::kRequest, context, requests),
        response(Role::kResponse, context, responses) {}

  http1::Http1Parser& parser(Role role) { return role == Role::kRequest ? request : response; }
  Messages& messages(Role role) {
    return role == Role::kRequest ? requests.messages : responses.messages;
  }

  ByteBudget budget;
  ParserContext context;
  Recorder requests;
  Recorder responses;
  http1::Http1Parser request;
  http1::Http1Parser response;
};

/// The bytes of tests/testdata/`path`.
inline std::string ReadTestdata(const std::string& path) {
  std::ifstream file(TLSCOPE_TESTDATA "/" + path, std::ios::binary);
  EXPECT_TRUE(file) << path;
  return {std::istreambuf_iterator<char>(file), {}};
}

/// The bytes of tests/testdata/http1/`name`.
inline std::string ReadFixture(const std::string& name) { return ReadTestdata("http1/" + name); }

/// What to feed, and what the other direction says before.
struct Input {
  Role role = Role::kRequest;
  std::string bytes;
  std::string requests_before;  ///< fed to the request direction before a response
  StreamEnd end = StreamEnd::kIdle;
  ParserLimits limits;
};

/// A response's `bytes`, after `requests`.
inline Input ResponseTo(std::string requests, std::string bytes, StreamEnd end) {
  Input input;
  input.role = Role::kResponse;
  input.bytes = std::move(bytes);
  input.requests_before = std::move(requests);
  input.end = end;
  return input;
}

/// What came of it.
struct Outcome {
  Messages messages;
  bool upgraded = false;
  std::string rest;
  bool operator==(const Outcome&) const = default;
};

/// Feeds `input` cut into pieces that end at `cuts` (ascending) and at its end.
inline Outcome Parse(const Input& input, const std::vector<std::size_t>& cuts = {}) {
  Connection connection(input.limits);
  connection.request.Feed(input.requests_before, kKtime);
  http1::Http1Parser& parser = connection.parser(input.role);
  Outcome outcome;
  std::string_view bytes = input.bytes;
  std::size_t done = 0;
  for (std::size_t i = 0; i <= cuts.size() && !outcome.upgraded; ++i) {
    const std::size_t end = i < cuts.size() ? cuts[i] : bytes.size();
    outcome.upgraded = parser.Feed(bytes.substr(done, end - done), kKtime) == ParseStatus::kUpgrade;
    done = end;
  }
  if (outcome.upgraded) {
    outcome.rest = parser.TakeRest();
    outcome.rest += bytes.substr(done);
  } else {
    parser.Finish(input.end);
  }
  outcome.messages = std::move(connection.messages(input.role));
  EXPECT_EQ(parser.held_bytes(), 0U);
  EXPECT_EQ(connection.budget.used_bytes(), connection.request.held_bytes());
  return outcome;
}

/// Expects `expected` of `input` fed whole, in two pieces cut anywhere, and byte by byte.
inline void ExpectForEverySplit(const Input& input, const Outcome& expected) {
  {
    SCOPED_TRACE("whole");
    const Outcome whole = Parse(input);
    EXPECT_EQ(whole.messages, expected.messages);
    EXPECT_EQ(whole.upgraded, expected.upgraded);
    EXPECT_EQ(whole.rest, expected.rest);
  }
  std::vector<std::size_t> every;
  for (std::size_t cut = 0; cut <= input.bytes.size(); ++cut) {
    every.push_back(cut);
    const Outcome split = Parse(input, {cut});
    ASSERT_EQ(split.messages, expected.messages) << "cut at " << cut;
    ASSERT_TRUE(split == expected) << "cut at " << cut;
  }
  const Outcome bytewise = Parse(input, every);
  ASSERT_EQ(bytewise.messages, expected.messages) << "byte by byte";
  ASSERT_TRUE(bytewise == expected) << "byte by byte";
}

inline Message MakeMessage(ParserType parser, std::string head, std::string body) {
  Message message;
  message.parser = parser;
  message.head = std::move(head);
  message.content_bytes = body.size();
  message.body = std::move(body);
  message.first_ktime_ns = message.last_ktime_ns = kKtime;
  return message;
}

inline Message Request(std::uint64_t exchange, std::string method, std::string target,
                       std::string head, std::string body = {}) {
  Message message = MakeMessage(ParserType::kHttp1Request, std::move(head), std::move(body));
  message.exchange = exchange;
  message.method = std::move(method);
  message.target = std::move(target);
  return message;
}

inline Message Response(std::uint64_t exchange, std::uint16_t status, std::string head,
                        std::string body = {}) {
  Message message = MakeMessage(ParserType::kHttp1Response, std::move(head), std::move(body));
  message.exchange = exchange;
  message.status = status;
  return message;
}

inline Message Unknown(std::string body) {
  return MakeMessage(ParserType::kUnknown, {}, std::move(body));
}

inline Message Incomplete(Message message) {
  message.complete = false;
  return message;
}

inline Message Resynchronised(Message message) {
  message.resynchronised = true;
  return message;
}

inline Message WithTrailers(Message message, std::string trailers) {
  message.trailers = std::move(trailers);
  return message;
}

inline Message WithGap(Message message, std::uint64_t position, std::uint64_t bytes) {
  message.complete = false;
  message.gaps.push_back({position, bytes});
  message.content_bytes += bytes;
  return message;
}

inline Message WithDecodeError(Message message, std::string error) {
  message.decode_error = std::move(error);
  return message;
}

/// `content_bytes`: of the body as it was sent.
inline Message DecodedFrom(Message message, std::string codings, std::uint64_t content_bytes) {
  if (codings.find("gzip") != std::string::npos) message.packet = PacketType::kGzip;
  message.decoded_from = std::move(codings);
  message.content_bytes = content_bytes;
  return message;
}

inline Message WithCut(Message message, std::uint64_t bytes) {
  message.cut_bytes += bytes;
  message.content_bytes += bytes;
  return message;
}

}  // namespace testing_support
}  // namespace tlscope
