// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "processor/events/bus_events.h"

namespace tlscope::testing {

/// A payload of each kind that ProtobufFormat writes, with every field set, and what it borrows.
class StreamPayloads {
 public:
  StreamPayloads() {
    connection_.pid = 42;
    connection_.tid = 43;
    connection_.comm = "curl";
    connection_.fd = 0;
    connection_.tuple.family = AddressFamily::kIpv6;
    connection_.tuple.local.port = 54321;
    connection_.tuple.local.address[15] = 1;
    connection_.tuple.remote = {{0x20, 0x01, 0x0d, 0xb8}, 443};
    connection_.handshake = {0x0304, "example.org", std::string("h\xff", 2)};
    connection_.correlation = Correlation::Root(0x1234'5678'9abc'def0, Stage::kCapturing);
    message_.parser = ParserType::kHttp2Response;
    message_.packet = PacketType::kGzip;
    message_.complete = false;
    message_.resynchronised = true;
    message_.head = ":status: 200\r\n\r\n";
    message_.body = std::string("bo\0dy\xff", 6);
    message_.trailers = "grpc-status: 0\r\n";
    message_.gaps = {{2, 10}, {3, 0}};
    message_.content_bytes = 100;
    message_.cut_bytes = 5;
    message_.decoded_from = "gzip, br";
    message_.decode_error = "broken";
    message_.part = 3;
    message_.last_part = true;
    message_.frame = FrameKind::kClose;
    message_.close_code = 1001;
    message_.stream_id = 7;
    message_.never_indexed = "authorization, cookie";
    message_.grpc = true;
    message_.rpc = "/p.S/M";
    message_.method = "GET";
    message_.target = "/";
    message_.status = 200;
    message_.exchange = 9;
    message_.first_ktime_ns = 1'000'000'001;
    message_.last_ktime_ns = 2'000'000'002;
    frame_ = {"HEADERS", "END_STREAM", 3, 20, "detail", 1'234'567'891};
    opened_.origin.ktime_ns = closed_.origin.ktime_ns = 5;
    closed_.state = ConnDataEvent::State::kClosed;
    hello_facts_.server_name = "example.org";
    version_facts_.version = 0x0303;
    protocol_facts_.protocol = "h2";
  }
  StreamPayloads(const StreamPayloads&) = delete;
  StreamPayloads& operator=(const StreamPayloads&) = delete;

  MessageEvent message() const { return {connection_, DataType::kWrite, "u", message_}; }

  std::vector<BusPayload> all() const {
    using Kind = SSLHandshakeEvent::Kind;
    constexpr DataType kWrite = DataType::kWrite;
    return {message(),
            ExchangeEvent{connection_, "u", "GET", "/x", "example.org", 200, 1, 2, 1'000'000'000,
                          1'500'000'000, 2'000'000'000},
            FrameEvent{connection_, kWrite, "u", frame_},
            PlaintextEvent{connection_, kWrite, "u", 9, "\xff plain", 7},
            HandshakeEvent{connection_, kWrite, "u", Kind::kClientHello, hello_facts_, offers_, 8},
            HandshakeEvent{connection_, kWrite, "u", Kind::kServerHello, version_facts_, none_, 8},
            HandshakeEvent{connection_, kWrite, "u", Kind::kProtocol, protocol_facts_, none_, 8},
            ProtocolEvent{connection_, kWrite, "u", "http/1.1"},
            ConnectionEvent{connection_, "u", opened_},
            ConnectionEvent{connection_, "u", closed_},
            LossEvent{connection_, kWrite, "u", 77, 9},
            RateLimitEvent{10, 20, 11}};
  }

  ConnectionInfo connection_;
  Message message_;

 private:
  FrameRecord frame_{};
  ConnDataEvent opened_;
  ConnDataEvent closed_;
  HandshakeFacts hello_facts_;
  HandshakeFacts version_facts_;
  HandshakeFacts protocol_facts_;
  const std::vector<std::string_view> offers_{"h2", "http/1.1"};
  const std::vector<std::string_view> none_;
};

}  // namespace tlscope::testing
