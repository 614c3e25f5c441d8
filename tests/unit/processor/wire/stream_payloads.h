// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "processor/events/bus_events.h"
#include "tests/unit/processor/events/event_builders.h"

namespace tlscope::testing {

/// A payload of each kind that ProtobufFormat writes, with every field set, and what it borrows.
class StreamPayloads {
 public:
  StreamPayloads() {
    connection_.tuple.family = AddressFamily::kIpv6;
    connection_.tuple.local = {{}, 54321};
    connection_.tuple.local.address[15] = 1;
    connection_.tuple.remote = {{0x20, 0x01, 0x0d, 0xb8}, 443};
    connection_.handshake.protocol = std::string("h\xff", 2);
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

  ConnectionInfo connection_ = FullConnection();
  Message message_ = FullMessage();

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
