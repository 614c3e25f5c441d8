// SPDX-License-Identifier: Apache-2.0
#include "processor/metrics/http_endpoint.h"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <optional>
#include <string>

#include "tests/unit/await.h"
#include "tests/unit/processor/metrics/http_peers.h"

namespace tlscope {
namespace {

TEST(HttpEndpointTest, ServesMetricsInPrometheusFormat) {
  const Served served;
  Client client(served.port());
  const Response response = client.Ask(kGet);
  EXPECT_EQ(response.start_line, "HTTP/1.1 200 OK");
  EXPECT_EQ(response.headers.at("Content-Type"), "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_EQ(response.headers.at("Content-Length"), "9");
  EXPECT_EQ(response.body, "metric 1\n");
}

TEST(HttpEndpointTest, SaysThatTheAgentIsHealthy) {
  const Served served({.health = [] { return std::nullopt; }});
  Client client(served.port());
  const Response response = client.Ask(Request("GET", "/healthz"));
  EXPECT_EQ(response.start_line, "HTTP/1.1 200 OK");
  EXPECT_EQ(response.body, "ok\n");
}

TEST(HttpEndpointTest, SaysInOneLineWhyTheAgentIsNotHealthy) {
  const Served served({.health = [] { return "the output\nis broken"; }});
  Client client(served.port());
  const Response response = client.Ask(Request("GET", "/healthz"));
  EXPECT_EQ(response.start_line, "HTTP/1.1 503 Service Unavailable");
  EXPECT_EQ(response.body, "the output is broken\n");
}

TEST(HttpEndpointTest, AsksItsHandlersForEveryRequest) {
  int calls = 0;
  const Served served({.metrics = [&calls] { return std::to_string(++calls); }});
  Client client(served.port());
  EXPECT_EQ(client.Ask(kGet).body, "1");
  EXPECT_EQ(client.Ask(kGet).body, "2");
}

TEST(HttpEndpointTest, AnswersHeadAsGetWithoutTheBody) {
  const Served served;
  Client client(served.port());
  for (const char* path : {"/metrics", "/healthz"}) {
    SCOPED_TRACE(path);
    const Response head = client.Ask(Request("HEAD", path));
    const Response get = client.Ask(Request("GET", path));
    EXPECT_EQ(head.start_line, get.start_line);
    EXPECT_EQ(head.headers, get.headers);
    EXPECT_NE(get.body, "");
  }
}

TEST(HttpEndpointTest, NamesTheMethodsItServes) {
  const Served served;
  Client client(served.port());
  for (const char* method : {"POST", "DELETE", "OPTIONS", "BREW"}) {
    SCOPED_TRACE(method);
    const Response response = client.Ask(Request(method, "/metrics"));
    EXPECT_EQ(response.start_line, "HTTP/1.1 405 Method Not Allowed");
    EXPECT_EQ(response.headers.at("Allow"), "GET, HEAD");
  }
}

TEST(HttpEndpointTest, NamesThePathsItHas) {
  const Served served;
  Client client(served.port());
  for (const char* path : {"/", "/metrics/", "/Metrics", "*", "/healthz%00", "http://x"}) {
    SCOPED_TRACE(path);
    const Response response = client.Ask(Request("GET", path));
    EXPECT_EQ(response.start_line, "HTTP/1.1 404 Not Found");
    EXPECT_NE(response.body.find("/metrics"), std::string::npos);
    EXPECT_NE(response.body.find("/healthz"), std::string::npos);
  }
}

TEST(HttpEndpointTest, ReadsThePathInEveryFormOfTarget) {
  const Served served;
  Client client(served.port());
  for (const char* target : {"/metrics?name[]=up", "http://127.0.0.1:9464/metrics"}) {
    EXPECT_EQ(client.Ask(Request("GET", target)).body, "metric 1\n") << target;
  }
}

TEST(HttpEndpointTest, KeepsTheConnectionAsLongAsTheClientWants) {
  Served served;
  Client client(served.port());
  EXPECT_EQ(client.Ask(kGet).body, "metric 1\n");
  EXPECT_EQ(client.Ask(kGet).body, "metric 1\n");
  const Response last = client.Ask(Request("GET", "/metrics", "Connection: close\r\n"));
  EXPECT_EQ(last.headers.at("Connection"), "close");
  EXPECT_EQ(client.ReadToEnd(), "");
  EXPECT_EQ(served.stats().requests, 3U);
  EXPECT_EQ(served.stats().malformed, 0U);
}

TEST(HttpEndpointTest, KeepsAConnectionOfHttp10OnlyWhenAsked) {
  const Served served;
  Client client(served.port());
  const Response kept = client.Ask("GET /metrics HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_EQ(kept.headers.at("Connection"), "keep-alive");
  EXPECT_EQ(client.Ask("GET /metrics HTTP/1.0\r\n\r\n").body, "metric 1\n");
  EXPECT_EQ(client.ReadToEnd(), "");
}

TEST(HttpEndpointTest, AnswersPipelinedRequestsInOrder) {
  const Served served;
  Client client(served.port());
  client.Send(kGet + Request("HEAD", "/metrics") + Request("GET", "/healthz"));
  EXPECT_EQ(client.Read().body, "metric 1\n");
  EXPECT_EQ(client.Read(true).headers.at("Content-Length"), "9");
  EXPECT_EQ(client.Read().body, "ok\n");
}

TEST(HttpEndpointTest, ReadsARequestThatComesByteByByte) {
  const Served served;
  Client client(served.port());
  for (const char& byte : kGet) client.Send({&byte, 1});
  EXPECT_EQ(client.Read().body, "metric 1\n");
}

TEST(HttpEndpointTest, EndsItsConnectionsWhenItGoes) {
  Served served({.metrics = [] { return std::string(32U << 20, 'm'); }});
  Client idle(served.port());
  Client unread(served.port(), 4096);
  unread.Send(kGet);
  AwaitFor("two connections", [&] { return served.stats().connections == 2; });
  served.Close();
  EXPECT_EQ(idle.ReadToEnd(), "");
  EXPECT_LT(unread.ReadToEnd().size(), std::size_t{32U << 20});
}

std::string RefusalOf(const std::string& address) {
  boost::asio::io_context context;
  const auto endpoint = HttpEndpoint::Open(context, address, kHandlers);
  return endpoint ? "listens" : endpoint.error().Describe();
}

TEST(HttpEndpointTest, ListensOnAddressesOfEitherKind) {
  boost::asio::io_context context;
  for (const char* address : {"127.0.0.1:0", "localhost:0", "0.0.0.0:0"}) {
    const auto endpoint = HttpEndpoint::Open(context, address, kHandlers);
    ASSERT_TRUE(endpoint) << endpoint.error().Describe();
    EXPECT_NE((*endpoint)->port(), 0) << address;
  }
  // Where the kernel has no IPv6 the address is understood all the same.
  const std::string ipv6 = RefusalOf("[::1]:0");
  EXPECT_TRUE(ipv6 == "listens" || ipv6.starts_with("cannot listen on [::1]:0: ")) << ipv6;
}

TEST(HttpEndpointTest, NamesTheRiskOfAnAddressThatIsLeftOut) {
  EXPECT_EQ(
      RefusalOf(":9464"),
      "cannot listen on ':9464'; without an address everyone who reaches this host could read "
      "what is served: say 127.0.0.1:9464 for this host alone, 0.0.0.0:9464 if everyone may");
}

TEST(HttpEndpointTest, SaysWhatAnAddressLooksLike) {
  for (const char* address :
       {"", "9464", "127.0.0.1", "127.0.0.1:", "127.0.0.1:http", "127.0.0.1:65536", "127.0.0.1:-1",
        "::1:9464", "[127.0.0.1]:9464", "[]:9464", "metrics.example:9464", "1.2.3:9464"}) {
    boost::asio::io_context context;
    const auto endpoint = HttpEndpoint::Open(context, address, kHandlers);
    ASSERT_FALSE(endpoint) << address;
    EXPECT_EQ(endpoint.error().code, Errc::kUsage) << address;
    EXPECT_NE(endpoint.error().remedy.find("127.0.0.1:9464"), std::string::npos) << address;
  }
}

TEST(HttpEndpointTest, SaysThatThePortIsTaken) {
  const Served served;
  const std::string address = "127.0.0.1:" + std::to_string(served.port());
  EXPECT_EQ(RefusalOf(address), "cannot listen on " + address +
                                    ": Address already in use; give another port, or end what "
                                    "listens there (ss -ltnp names it)");
}

TEST(HttpEndpointTest, SaysThatTheAddressIsNotOfThisHost) {
  // 192.0.2.0/24 is nobody's (RFC 5737).
  EXPECT_EQ(RefusalOf("192.0.2.1:9464"),
            "cannot listen on 192.0.2.1:9464: Cannot assign requested address; give an address of "
            "this host (ip address lists them)");
}

}  // namespace
}  // namespace tlscope
