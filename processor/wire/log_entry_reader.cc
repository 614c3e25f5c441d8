// SPDX-License-Identifier: Apache-2.0
#include "processor/wire/log_entry_reader.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

namespace tlscope {
namespace {

bool IsPrintable(char byte) { return byte >= 0x20 && byte < 0x7f; }

/// What agents write unescaped: printable ASCII.
bool IsPlain(const std::string& text) { return std::all_of(text.begin(), text.end(), IsPrintable); }

/// What agents write as the value of a field of text output, which a comma ends.
bool IsValue(const std::string& text) {
  return IsPlain(text) && text.find(',') == std::string::npos;
}

void MakePlain(std::string& text) {
  std::replace_if(
      text.begin(), text.end(), [](char byte) { return !IsPrintable(byte); }, '?');
}

void MakeValue(std::string& text) {
  MakePlain(text);
  std::replace(text.begin(), text.end(), ',', '?');
}

bool IsSound(const v1::BusEvent& event) {
  const v1::Connection& connection = event.connection();
  const v1::FrameDecoded& frame = event.frame_decoded();
  const v1::MessageDecoded& message = event.message_decoded();
  return IsValue(connection.comm()) && IsValue(connection.uuid()) &&
         IsPlain(connection.server_name()) && IsPlain(event.server_name_found().server_name()) &&
         IsPlain(frame.type()) && IsPlain(frame.flags()) && IsPlain(frame.frame_detail()) &&
         IsPlain(message.decoded_from()) && IsPlain(message.decode_error());
}

void Mend(v1::BusEvent& event) {
  v1::Connection& connection = *event.mutable_connection();
  MakeValue(*connection.mutable_comm());
  MakeValue(*connection.mutable_uuid());
  MakePlain(*connection.mutable_server_name());
  if (event.has_server_name_found()) {
    MakePlain(*event.mutable_server_name_found()->mutable_server_name());
  }
  if (event.has_frame_decoded()) {
    v1::FrameDecoded& frame = *event.mutable_frame_decoded();
    MakePlain(*frame.mutable_type());
    MakePlain(*frame.mutable_flags());
    MakePlain(*frame.mutable_frame_detail());
  }
  if (event.has_message_decoded()) {
    MakePlain(*event.mutable_message_decoded()->mutable_decoded_from());
    MakePlain(*event.mutable_message_decoded()->mutable_decode_error());
  }
}

void ReadAddress(const std::string& text, std::uint32_t port, v1::Endpoint& to) {
  std::array<char, 16> address;
  if (inet_pton(AF_INET, text.c_str(), address.data()) == 1) {
    to.set_address(address.data(), 4);
  } else if (inet_pton(AF_INET6, text.c_str(), address.data()) == 1) {
    to.set_address(address.data(), address.size());
  } else {
    return;
  }
  to.set_port(port);
}

MessageContent ContentOf(const v1::Event& event) {
  const std::string_view payload = event.payload();
  const std::size_t head = event.head_bytes();
  const std::size_t trailers = event.trailer_bytes();
  if (head > payload.size() || trailers > payload.size() - head) return {{}, payload, {}};
  const std::size_t body = payload.size() - head - trailers;
  return {payload.substr(0, head), payload.substr(head, body), payload.substr(head + body)};
}

}  // namespace

const BusPayload* LogEntryReader::Read(const v1::LogEntry& entry) {
  if (entry.has_event_payload()) return ReadMessage(entry.event_payload());
  if (!entry.has_bus_event()) return nullptr;
  if (IsSound(entry.bus_event())) return reader_.Read(entry.bus_event());
  event_ = entry.bus_event();
  Mend(event_);
  return reader_.Read(event_);
}

const BusPayload* LogEntryReader::ReadMessage(const v1::Event& event) {
  event_.Clear();
  event_.mutable_correlation()->set_root_id(event.connection_id());
  v1::Connection& connection = *event_.mutable_connection();
  connection = event.connection();
  connection.set_pid(static_cast<std::uint32_t>(event.pid()));
  connection.set_comm(event.pname());
  connection.set_uuid(event.uuid());
  ReadAddress(event.src_ip(), event.src_port(), *connection.mutable_local());
  ReadAddress(event.dst_ip(), event.dst_port(), *connection.mutable_remote());
  v1::MessageDecoded& message = *event_.mutable_message_decoded();
  message = event.message();
  message.set_direction(event.direction());
  message.set_parser(event.type());
  if (message.last_unix_ns() == 0) message.set_last_unix_ns(event.timestamp());
  if (!IsSound(event_)) Mend(event_);
  return reader_.Read(event_, ContentOf(event));
}

}  // namespace tlscope
