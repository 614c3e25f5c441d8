// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "processor/events/bus_events.h"

namespace tlscope::testing {

/// A connection of curl on this host to a server at `remote`, of which only this is known.
inline ConnectionInfo CurlTo(const Endpoint& remote) {
  ConnectionInfo info;
  info.pid = 1234;
  info.comm = "curl";
  info.tuple = {AddressFamily::kIpv4, {{127, 0, 0, 1}, 54321}, remote};
  return info;
}

/// A connection with every field set.
inline ConnectionInfo FullConnection() {
  ConnectionInfo info;
  info.pid = 42;
  info.tid = 43;
  info.comm = "curl";
  info.fd = 0;
  info.tuple = {AddressFamily::kIpv4, {{10, 0, 0, 7}, 54321}, {{93, 184, 216, 34}, 443}};
  info.handshake = {0x0304, "example.org", "h2"};
  info.correlation = Correlation::Root(0x1234'5678'9abc'def0, Stage::kCapturing);
  return info;
}

/// A message with every field set, and bytes that are no text.
inline Message FullMessage() {
  Message message;
  message.parser = ParserType::kHttp2Response;
  message.packet = PacketType::kGzip;
  message.complete = false;
  message.resynchronised = true;
  message.head = ":status: 200\r\n\r\n";
  message.body = std::string("bo\0dy\xff", 6);
  message.trailers = "grpc-status: 0\r\n";
  message.gaps = {{2, 10}, {3, 0}};
  message.content_bytes = 100;
  message.cut_bytes = 5;
  message.decoded_from = "gzip, br";
  message.decode_error = "broken";
  message.part = 3;
  message.last_part = true;
  message.frame = FrameKind::kClose;
  message.close_code = 1001;
  message.stream_id = 7;
  message.never_indexed = "authorization, cookie";
  message.grpc = true;
  message.rpc = "/p.S/M";
  message.method = "GET";
  message.target = "/";
  message.status = 200;
  message.exchange = 9;
  message.first_ktime_ns = 1'000'000'001;
  message.last_ktime_ns = 2'000'000'002;
  return message;
}

}  // namespace tlscope::testing
