// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "processor/events/bus_events.h"
#include "processor/formats/format.h"

namespace tlscope::testing {

// 2026-11-21T08:54:12.123456789Z, of which 100 s had passed since the system started.
inline constexpr std::uint64_t kGoldenKtimeNs = 100'000'000'000;
inline constexpr std::int64_t kGoldenUnixNs = 1'795'251'252'123'456'789;
inline constexpr std::int64_t kGoldenOffsetNs =
    kGoldenUnixNs - static_cast<std::int64_t>(kGoldenKtimeNs);

/// A clock that stands still, for the marks of what was dropped.
inline std::int64_t GoldenClock() { return kGoldenUnixNs; }

/// Events of every kind, always the same, with whatever a format may find hard: ends that are not
/// known, bytes that are no text, gaps, cuts, parts, control bytes, agents with strange names.
/// Owns what they borrow.
class GoldenEvents {
 public:
  struct Event {
    BusPayload payload;
    const AgentIdentity* agent;  // null: of this agent
  };

  GoldenEvents() {
    AddHttp1();
    AddHttp2();
    AddWebSocket();
    AddRaw();
    AddDamaged();
    AddHandshakes();
    AddConnections();
    AddReports();
    AddOfTheAgent();
    AddOfOtherAgents();
  }
  GoldenEvents(const GoldenEvents&) = delete;
  GoldenEvents& operator=(const GoldenEvents&) = delete;

  const std::deque<Event>& events() const { return events_; }

  /// All of them as `format` writes them, and what it says of blocks that were dropped.
  std::string WrittenBy(Format& format) const {
    std::string out = format.Start();
    for (const Event& event : events_) {
      format.SetAgent(event.agent);
      format.Append(event.payload, out);
    }
    return out + format.Dropped(3, 4096);
  }

 private:
  /// All of a literal, NULs included.
  template <std::size_t kSize>
  static std::string Bytes(const char (&literal)[kSize]) {
    return {literal, kSize - 1};
  }

  static Message At(std::uint64_t after_ns, ParserType parser, std::string head,
                    std::string body = {}) {
    Message message;
    message.parser = parser;
    message.head = std::move(head);
    message.body = std::move(body);
    message.content_bytes = message.body.size();
    message.first_ktime_ns = kGoldenKtimeNs + after_ns;
    message.last_ktime_ns = message.first_ktime_ns + 1'500;
    return message;
  }

  static ConnectionInfo Curl() {
    ConnectionInfo info;
    info.pid = 1234;
    info.tid = 1235;
    info.comm = "curl";
    info.fd = 5;
    info.tuple = {AddressFamily::kIpv4, {{10, 0, 0, 7}, 54321}, {{93, 184, 216, 34}, 443}};
    info.handshake = {0x0304, "example.org", "http/1.1"};
    info.correlation = Correlation::Root(0x0123'4567'89ab'cdef, Stage::kCapturing);
    return info;
  }

  /// The socket, and so both ends, could not be found; the process has a name of its own choice.
  static ConnectionInfo WithoutSocket() {
    ConnectionInfo info;
    info.pid = 77;
    info.tid = 78;
    info.comm = "a\\x2c\\x20\"b";  // as FieldValue makes it
    info.correlation = Correlation::Root(0xff, Stage::kCapturing);
    return info;
  }

  static ConnectionInfo OverIpv6() {
    ConnectionInfo info = Curl();
    info.comm = "node";
    info.fd = 0;
    info.tuple = {AddressFamily::kIpv6, {{}, 65535}, {{0x20, 0x01, 0x0d, 0xb8}, 8443}};
    info.tuple.local.address[15] = 1;
    info.handshake = {0x0303, "api.example.org", "h2"};
    info.correlation = Correlation::Root(0xfedc'ba98'7654'3210, Stage::kCapturing);
    return info;
  }

  void Add(const BusPayload& payload, const AgentIdentity* agent = nullptr) {
    events_.push_back({payload, agent});
  }

  std::string_view UuidOf(const ConnectionInfo& connection, DataType direction) {
    if (&connection == &without_socket_)
      return direction == DataType::kRead ? "77_78_x_-1_0" : "77_78_x_-1_1";
    return direction == DataType::kRead ? "sock:1234_1235_curl_5_0_x_0123456789abcdef"
                                        : "sock:1234_1235_curl_5_1_x_0123456789abcdef";
  }

  void Add(const ConnectionInfo& connection, DataType direction, Message message,
           const AgentIdentity* agent = nullptr) {
    messages_.push_back(std::move(message));
    Add(MessageEvent{connection, direction, UuidOf(connection, direction), messages_.back()},
        agent);
  }

  ExchangeEvent Exchange(const ConnectionInfo& connection) {
    return {.connection = connection,
            .uuid = UuidOf(connection, DataType::kWrite),
            .method = "GET",
            .target = "/a?b=c",
            .host = "example.org:8443",
            .status = 200,
            .request_bytes = 0,
            .response_bytes = 1256,
            .request_ktime_ns = kGoldenKtimeNs,
            .first_byte_ktime_ns = kGoldenKtimeNs + 1'000'000,
            .last_byte_ktime_ns = kGoldenKtimeNs + 12'345'678,
            .exchange = 1};
  }

  static Message Request(std::uint64_t exchange, std::string method, std::string target,
                         const std::string& fields, std::string body = {}) {
    Message message =
        At(0, ParserType::kHttp1Request, method + " " + target + " HTTP/1.1\r\n" + fields + "\r\n",
           std::move(body));
    message.method = std::move(method);
    message.target = std::move(target);
    message.exchange = exchange;
    return message;
  }

  static Message Response(std::uint64_t exchange, std::uint16_t status, const std::string& fields,
                          std::string body = {}) {
    Message message =
        At(1'000'000, ParserType::kHttp1Response,
           "HTTP/1.1 " + std::to_string(status) + " \r\n" + fields + "\r\n", std::move(body));
    message.status = status;
    message.exchange = exchange;
    return message;
  }

  void AddHttp1() {
    using enum DataType;
    Add(curl_, kWrite, Request(1, "GET", "/a?b=c", "Host: example.org:8443\r\nAccept: */*\r\n"));
    Message json = Response(1, 200, "Content-Type: application/json; charset=utf-8\r\n",
                            "{\"name\": \"h\xc3\xa4\",\n\t\"n\": [1, 2]}");
    json.packet = PacketType::kGzip;
    json.decoded_from = "gzip, br";
    json.content_bytes = 273;
    json.last_ktime_ns = json.first_ktime_ns + 12'345'678;
    Add(curl_, kRead, json);
    Add(Exchange(curl_));
    Add(ipv6_, kWrite,
        Request(2, "POST", "/upload", "host: [2001:db8::]\r\n", Bytes("\x89PNG\0\xff")));
    Message chunked = Response(2, 404, "content-type: Text/Plain\r\n", "not \xe2\x82\xac there");
    chunked.trailers = "Sum: 1\r\n";
    Add(ipv6_, kRead, chunked);
    // Bytes that act on terminals, in text that is text by its type.
    Add(curl_, kRead,
        Response(3, 200, "Content-Type: text/plain\r\n",
                 Bytes("nul \0 bell \a red \x1b[31m del \x7f c1 \xc2\x9b quote \" \\ tab\t end")));
    // A head that is no UTF-8, and one that ends in the middle of a character.
    Add(curl_, kWrite, Request(4, "GET", "/\xff\xfe", "Host: caf\xe9\r\nContent-Type: \xff\r\n"));
    Add(curl_, kRead, Response(4, 500, "X-Cut: \xe2\x82\r\n", "cut short \xf0\x9f\x98"));
    Message nothing = At(0, ParserType::kHttp1Response, "");
    nothing.last_ktime_ns = nothing.first_ktime_ns - 1;
    Add(curl_, kRead, nothing);
  }

  void AddHttp2() {
    using enum DataType;
    Message request = At(0, ParserType::kHttp2Request,
                         ":method: POST\r\n:authority: api.example.org\r\n:path: /p.Greeter/Hi\r\n"
                         "content-type: application/grpc\r\nauthorization: x\r\n\r\n",
                         Bytes("\x0a\x03"
                               "Bob\x10\x96\x01"));
    request.method = "POST";
    request.target = "/p.Greeter/Hi";
    request.stream_id = 1;
    request.exchange = 1;
    request.grpc = true;
    request.rpc = "/p.Greeter/Hi";
    request.never_indexed = "authorization, cookie";
    request.part = 1;
    Add(ipv6_, kWrite, request);
    request = At(2'000, ParserType::kHttp2Request, "",
                 Bytes("\x0a\x03"
                       "Eve"));
    request.stream_id = 1;
    request.exchange = 1;
    request.grpc = true;
    request.rpc = "/p.Greeter/Hi";
    request.part = 2;
    request.last_part = true;
    request.content_bytes = 23;
    Add(ipv6_, kWrite, request);
    Message response = At(3'000, ParserType::kHttp2Response,
                          ":status: 200\r\ncontent-type: application/grpc\r\n\r\n");
    response.trailers = "grpc-status: 0\r\n";
    response.status = 200;
    response.stream_id = 1;
    response.exchange = 1;
    response.grpc = true;
    Add(ipv6_, kRead, response);
    for (const FrameRecord& frame :
         {FrameRecord{"HEADERS", "END_STREAM|END_HEADERS", 1, 57, "", kGoldenKtimeNs},
          FrameRecord{"WINDOW_UPDATE", "", 0, 4, "increment=65535", kGoldenKtimeNs + 1},
          FrameRecord{"0xfa", "0x01", 4'294'967'295, 16'777'215, "", kGoldenKtimeNs + 2}}) {
      frames_.push_back(frame);
      Add(FrameEvent{ipv6_, kRead, UuidOf(ipv6_, kRead), frames_.back()});
    }
  }

  void AddWebSocket() {
    using enum DataType;
    const auto add = [&](DataType direction, FrameKind frame, std::string body) {
      Message message = At(0, ParserType::kWebSocket, "", std::move(body));
      message.packet = PacketType::kWebSocket;
      message.frame = frame;
      if (frame == FrameKind::kText) {
        message.decoded_from = "permessage-deflate";
        message.content_bytes = 7;
      }
      if (frame == FrameKind::kClose) message.close_code = 1000;
      Add(curl_, direction, std::move(message));
    };
    add(kWrite, FrameKind::kText, R"({"price":1})");
    add(kRead, FrameKind::kBinary, Bytes("\0\1\2\xfd"));
    add(kRead, FrameKind::kPing, "there?");
    add(kWrite, FrameKind::kPong, "");
    add(kWrite, FrameKind::kClose, "bye");
  }

  void AddRaw() {
    using enum DataType;
    Add(without_socket_, kRead, At(0, ParserType::kUnknown, "", "EHLO example.org\r\n"));
    std::string all;
    for (int byte = 0; byte < 256; ++byte) all.push_back(static_cast<char>(byte));
    Add(without_socket_, kWrite, At(0, ParserType::kUnknown, "", all));
  }

  void AddDamaged() {
    using enum DataType;
    Message holed = Request(5, "PUT", "/holed", "Host: h\r\n", "some, more");
    holed.complete = false;
    holed.resynchronised = true;
    holed.gaps = {{5, 1234}, {10, 0}};
    holed.cut_bytes = 512;
    holed.content_bytes = 10 + 1234 + 512;
    holed.trailers = "Sum: 2\r\n";
    Add(curl_, kWrite, holed);
    Message broken = Response(5, 200, "Content-Encoding: gzip\r\n", "as far as it is right");
    broken.decoded_from = "gzip";
    broken.decode_error = "gzip: ends early";
    broken.content_bytes = 20;
    Add(curl_, kRead, broken);
    Message events = Response(6, 200, "Content-Type: text/event-stream\r\n", "data: 1\n\n");
    events.part = 1;
    Add(curl_, kRead, events);
    events = At(2'000'000, ParserType::kHttp1Response, "", "data: 2\n\n");
    events.part = 2;
    events.last_part = true;
    events.content_bytes = 18;
    events.exchange = 6;
    Add(curl_, kRead, events);
    Add(LossEvent{curl_, kRead, UuidOf(curl_, kRead), 99, kGoldenKtimeNs});
    Add(LossEvent{without_socket_, kWrite, UuidOf(without_socket_, kWrite),
                  18'446'744'073'709'551'615U, kGoldenKtimeNs});
    Add(RateLimitEvent{1000, 7, kGoldenKtimeNs});
  }

  void AddHandshakes() {
    using Kind = SSLHandshakeEvent::Kind;
    const auto add = [&](DataType direction, Kind kind, HandshakeFacts told,
                         std::vector<std::string_view> offers) {
      told_.push_back(std::move(told));
      offers_.push_back(std::move(offers));
      Add(HandshakeEvent{without_socket_, direction, UuidOf(without_socket_, direction), kind,
                         told_.back(), offers_.back(), kGoldenKtimeNs});
    };
    add(DataType::kWrite, Kind::kClientHello, {0, "example.org", ""}, {"h2", "http/1.1"});
    add(DataType::kWrite, Kind::kClientHello, {}, {"h2", "\xff,"});
    add(DataType::kRead, Kind::kServerHello, {0x0304, "", ""}, {});
    add(DataType::kRead, Kind::kServerHello, {0x7f1c, "", ""}, {});
    add(DataType::kRead, Kind::kProtocol, {0, "", "h2"}, {});
    add(DataType::kRead, Kind::kProtocol, {0, "", "\xfe\x01"}, {});
    for (const char* protocol : {"HTTPRequest", "HTTP2", "WebSocket", "DefaultParser"}) {
      Add(ProtocolEvent{curl_, DataType::kRead, UuidOf(curl_, DataType::kRead), protocol,
                        kGoldenKtimeNs});
    }
  }

  void AddConnections() {
    for (const auto state : {ConnDataEvent::State::kOpened, ConnDataEvent::State::kClosed}) {
      sockets_.emplace_back();
      sockets_.back().origin.ktime_ns = kGoldenKtimeNs;
      sockets_.back().tuple = ipv6_.tuple;
      sockets_.back().state = state;
      Add(ConnectionEvent{ipv6_, UuidOf(ipv6_, DataType::kWrite), sockets_.back()});
    }
    const auto plaintext = [&](DataType direction, std::uint64_t offset, std::string_view data) {
      Add(PlaintextEvent{curl_, direction, UuidOf(curl_, direction), offset, data, kGoldenKtimeNs});
    };
    plaintext(DataType::kWrite, 0, "GET / HTTP/1.1\r\n");
    plaintext(DataType::kWrite, 1016, "Host: h\r\n\r\n");
    plaintext(DataType::kRead, 0, "\x16\x03\x01\xff");
  }

  /// Exchanges of which something is missing.
  void AddReports() {
    ExchangeEvent unanswered = Exchange(ipv6_);
    unanswered.status = 0;
    unanswered.response_bytes = unanswered.first_byte_ktime_ns = unanswered.last_byte_ktime_ns = 0;
    unanswered.target = "example.org:443";
    unanswered.method = "CONNECT";
    Add(unanswered);
    ExchangeEvent unasked = Exchange(without_socket_);
    unasked.method = unasked.target = unasked.host = {};
    unasked.request_ktime_ns = unasked.exchange = 0;
    Add(unasked);
    ExchangeEvent odd = Exchange(curl_);
    odd.method = "G\x1bT";
    odd.target = "/\xff d\n";
    odd.host = "h\xc3\xa4";
    odd.last_byte_ktime_ns = odd.request_ktime_ns - 1;
    Add(odd);
  }

  void AddOfTheAgent() {
    Add(ProcessEvent{1234, "curl", "/usr/lib/libssl.so.3"});
    Add(LibraryEvent{"/usr/lib/libssl.so.3", ""});
    Add(CaptureStartedEvent{"1.0", "host", "default", 7, "6.1", arguments_});
    Add(CaptureCompletedEvent{1, 2, 3, "signal"});
    Add(CaptureCancelledEvent{"signal"});
    Add(CapturePausedEvent{});
    Add(CaptureResumedEvent{5});
    Add(ConfigChangedEvent{"tsize", "1", "2"});
    Add(CommandEvent{"pause", 0, 8, ""});
    Add(ProgressEvent{"replay", 1, 2, "bytes"});
    Add(StageEvent{Stage::kPaused, Stage::kCapturing});
    Add(MetricEvent{"events", labels_, 0.5});
    Add(WarningEvent{"a warning"});
    Add(RetryEvent{"connect", "refused", 100});
    Add(HeartbeatEvent{1, 2, 3, Stage::kCapturing});
  }

  void AddOfOtherAgents() {
    using enum DataType;
    Add(curl_, kWrite, Request(1, "GET", "/", "Host: h\r\n"), &agent_);
    for (const AgentIdentity* agent : {&agent_, &odd_agent_, &nameless_agent_}) {
      Add(Exchange(curl_), agent);
      Add(LossEvent{curl_, kRead, UuidOf(curl_, kRead), 5, kGoldenKtimeNs}, agent);
    }
    Add(RateLimitEvent{1000, 7, kGoldenKtimeNs}, &agent_);
  }

  const ConnectionInfo curl_ = Curl();
  const ConnectionInfo ipv6_ = OverIpv6();
  const ConnectionInfo without_socket_ = WithoutSocket();
  const AgentIdentity agent_{"web-1.example.org", "default", 42};
  const AgentIdentity odd_agent_{"a, b\n\x1b[31m\"\xff", "c\\d", 43};
  const AgentIdentity nameless_agent_{};
  const std::vector<std::string> arguments_{"tlscope", "capture"};
  const std::vector<std::pair<std::string, std::string>> labels_{{"kind", "read"}};
  // Deques: what events borrow stays where it is.
  std::deque<Message> messages_;
  std::deque<FrameRecord> frames_;
  std::deque<HandshakeFacts> told_;
  std::deque<std::vector<std::string_view>> offers_;
  std::deque<ConnDataEvent> sockets_;
  std::deque<Event> events_;
};

}  // namespace tlscope::testing
