// SPDX-License-Identifier: Apache-2.0
#include "parsers/parser_registry.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/unit/parsers/core/parser_testing.h"

namespace tlscope {
namespace {

std::string Detected(std::string_view bytes) {
  const DetectResult result = Detect(bytes);
  return std::string(result.protocol->name) + (result.need_more ? "?" : "");
}

TEST(ParserRegistryTest, KnowsRequestsByMethodAndTarget) {
  EXPECT_EQ(Detected("GET /"), "HTTPRequest");
  EXPECT_EQ(Detected("POST /a?b HTTP/1.1\r\n"), "HTTPRequest");
  EXPECT_EQ(Detected("OPTIONS * HTTP/1.1\r\n"), "HTTPRequest");
  EXPECT_EQ(Detected("CONNECT a.org:443 HTTP/1.1\r\n"), "HTTPRequest");
  EXPECT_EQ(Detected("GET http://a.org/ HTTP/1.0\r\n"), "HTTPRequest");
  EXPECT_EQ(Detected("FROBNICATE /x HTTP/1.1\r\n"), "HTTPRequest");
  EXPECT_EQ(Detected("\r\nGET /"), "HTTPRequest");
  EXPECT_EQ(Detected("\n\nGET /"), "HTTPRequest");
  EXPECT_EQ(Detected("GET  x   HTTP/1.1\r\n"), "HTTPRequest");
}

TEST(ParserRegistryTest, AsksForMoreWhereItMayStillBeARequest) {
  for (const char* bytes : {"", "\r", "\r\n", "G", "GET", "GET ", "FROB /x HTTP/1", "FROB /x",
                            "FROB   ", "FROB  /x   "}) {
    EXPECT_EQ(Detected(bytes), "HTTPRequest?") << bytes;
  }
}

TEST(ParserRegistryTest, KnowsResponsesByTheirStatusLine) {
  EXPECT_EQ(Detected("HTTP/1.1 200"), "HTTPResponse");
  EXPECT_EQ(Detected("HTTP/1.0 404 Not Found\r\n"), "HTTPResponse");
  EXPECT_EQ(Detected("HTTP/1.1 20"), "HTTPResponse?");
  EXPECT_EQ(Detected("HTTP/"), "HTTPResponse?");
}

TEST(ParserRegistryTest, KnowsHttp2FromItsStart) {
  EXPECT_EQ(Detected("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), "HTTP2Request");
  EXPECT_EQ(Detected(std::string("\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0\x64", 15)), "HTTP2Response");
}

TEST(ParserRegistryTest, TakesAnythingElseForBytes) {
  for (const char* bytes :
       {"{\"json\": 1}", "hello\n", "\x16\x03\x01", "get key\r\n", "GET key\r\n", "HTTP/2 200",
        "HTTP/1.1 2x0", "EHLO a.org\r\n", "GET \r\n"}) {
    EXPECT_EQ(Detected(bytes), "DefaultParser") << bytes;
  }
}

TEST(ParserRegistryTest, DecidesWithinBoundedBytes) {
  EXPECT_EQ(Detected(std::string(33, 'M')), "DefaultParser");
  EXPECT_EQ(Detected("FROB /" + std::string(5000, 'x')), "DefaultParser");
  EXPECT_EQ(Detected("FROB" + std::string(17, ' ')), "DefaultParser");
}

TEST(ParserRegistryTest, BelievesWhatWasAgreedTo) {
  const auto with = [](std::string_view alpn, std::string_view bytes, bool at_start) {
    const DetectResult result = Detect(bytes, {alpn, at_start});
    return std::string(result.protocol->name) + (result.need_more ? "?" : "");
  };
  const std::string_view settings("\0\0\0\x04\0\0\0\0\0", 9);
  EXPECT_EQ(with("h2", "P", true), "HTTP2Request");
  EXPECT_EQ(with("h2", settings.substr(0, 1), true), "HTTP2Response");
  EXPECT_EQ(with("h2", "GET / HTTP/1.1\r\n", false), "DefaultParser");
  EXPECT_EQ(with("h2", settings, false), "HTTP2Response");
  EXPECT_EQ(with("http/1.1", settings, true), "DefaultParser");
  EXPECT_EQ(with("http/1.0", "GET / HTTP/1.0\r\n", true), "HTTPRequest");
  EXPECT_EQ(with("http/1.1", "{}", true), "DefaultParser");
  EXPECT_EQ(with("imap", settings, true), "HTTP2Response") << "of which nothing is known";
}

TEST(ParserRegistryTest, NeverTakesADecisionBack) {
  const std::string inputs[] = {
      "\r\n\r\nGET / HTTP/1.1\r\n",  "FROB x HTTP/1.1\r\n",
      "FROB  x  HTTP/1.1\r\n",       "GET  /",
      "FROB" + std::string(20, ' '), "HTTP/1.1 200 OK\r\n",
      "PRI * HTTP/2.0\r\n",          "FROB /" + std::string(5000, 'x') + " HTTP/1.1"};
  for (const std::string& input : inputs) {
    for (const ProtocolSpec& protocol : Protocols()) {
      Detection last = Detection::kNeedMore;
      for (std::size_t size = 0; size <= input.size(); ++size) {
        const Detection now = protocol.detect(std::string_view(input).substr(0, size));
        ASSERT_TRUE(last == Detection::kNeedMore || now == last) << protocol.name << " " << size;
        last = now;
      }
    }
  }
}

TEST(ParserRegistryTest, NamesEveryTypeFromTheTable) {
  EXPECT_EQ(ParserName(ParserType::kHttp1Request), "HTTPRequest");
  EXPECT_EQ(ParserName(ParserType::kHttp1Response), "HTTPResponse");
  EXPECT_EQ(ParserName(ParserType::kHttp2Request), "HTTP2Request");
  EXPECT_EQ(ParserName(ParserType::kHttp2Response), "HTTP2Response");
  EXPECT_EQ(ParserName(ParserType::kUnknown), "DefaultParser");
}

TEST(ParserRegistryTest, EveryRowMakesAParserOfItsType) {
  testing_support::Connection connection;
  for (const ProtocolSpec& protocol : Protocols()) {
    const auto parser = protocol.make(connection.context, connection.requests);
    EXPECT_EQ(parser->type(), protocol.type);
  }
}

}  // namespace
}  // namespace tlscope
