// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "parsers/http2/http2_parser.h"
#include "tests/unit/parsers/core/parser_testing.h"
#include "tests/unit/parsers/http2/frame_builder.h"

namespace tlscope::testing_support {

/// Both directions of an HTTP/2 connection.
class Http2Connection {
 public:
  explicit Http2Connection(http2::Start client_start = http2::Start::kOfClient,
                           http2::Start server_start = http2::Start::kOfServer,
                           ParserLimits limits = {}, std::uint64_t budget_bytes = 64U << 20)
      : budget(budget_bytes),
        context{limits, budget},
        client(client_start, context, requests),
        server(server_start, context, responses) {
    if (client_start == http2::Start::kOfClient) client.Feed(http2::kPreface, kKtime);
  }

  void Finish() {
    client.Finish(StreamEnd::kClosed);
    server.Finish(StreamEnd::kClosed);
    EXPECT_EQ(budget.used_bytes(), 0U);
  }

  ByteBudget budget;
  ParserContext context;
  Recorder requests;
  Recorder responses;
  http2::Http2Parser client;
  http2::Http2Parser server;
};

/// What one direction says after its start, and what the other says before.
struct Http2Input {
  Role role = Role::kRequest;
  std::string bytes;
  std::string other_before;
};

inline Messages ParseHttp2(const Http2Input& input, const std::vector<std::size_t>& cuts = {}) {
  Http2Connection connection;
  const bool request = input.role == Role::kRequest;
  (request ? connection.server : connection.client).Feed(input.other_before, kKtime);
  http2::Http2Parser& parser = request ? connection.client : connection.server;
  std::size_t done = 0;
  for (std::size_t i = 0; i <= cuts.size(); ++i) {
    const std::size_t end = i < cuts.size() ? cuts[i] : input.bytes.size();
    parser.Feed(std::string_view(input.bytes).substr(done, end - done), kKtime);
    EXPECT_EQ(connection.budget.used_bytes(),
              connection.client.held_bytes() + connection.server.held_bytes());
    done = end;
  }
  connection.Finish();
  return std::move(request ? connection.requests : connection.responses).messages;
}

/// Expects `expected` of `input` whole, in two pieces cut anywhere, and byte by byte.
inline void ExpectHttp2ForEverySplit(const Http2Input& input, const Messages& expected) {
  ASSERT_EQ(ParseHttp2(input), expected);
  std::vector<std::size_t> every;
  for (std::size_t cut = 0; cut <= input.bytes.size(); ++cut) {
    every.push_back(cut);
    ASSERT_EQ(ParseHttp2(input, {cut}), expected) << "cut at " << cut;
  }
  ASSERT_EQ(ParseHttp2(input, every), expected) << "byte by byte";
}

inline Message Http2Message(ParserType type, std::uint32_t stream_id, const Fields& fields,
                            std::string body = {}) {
  Message message = MakeMessage(type, Head(fields), std::move(body));
  message.stream_id = stream_id;
  message.exchange = stream_id;
  for (const auto& [name, value] : fields) {
    if (name == ":method") message.method = value;
    if (name == ":path") message.target = value;
    if (name == ":status") message.status = static_cast<std::uint16_t>(std::stoi(value));
  }
  return message;
}

inline Message Http2Request(std::uint32_t stream_id, const Fields& fields, std::string body = {}) {
  return Http2Message(ParserType::kHttp2Request, stream_id, fields, std::move(body));
}

inline Message Http2Response(std::uint32_t stream_id, const Fields& fields, std::string body = {}) {
  return Http2Message(ParserType::kHttp2Response, stream_id, fields, std::move(body));
}

inline const Fields kGet = {
    {":method", "GET"}, {":path", "/a"}, {":scheme", "https"}, {":authority", "a.example"}};
inline const Fields kOkFields = {{":status", "200"}, {"x-one", "1"}};

}  // namespace tlscope::testing_support
