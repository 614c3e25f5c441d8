// SPDX-License-Identifier: Apache-2.0
#include "processor/recording/recorded_event.h"

#include <algorithm>
#include <limits>
#include <string>
#include <string_view>

#include "bpf/tlscope_abi.h"
#include "processor/recording/recording_limits.h"
#include "tlscope/v1/recording.pb.h"

namespace tlscope {
namespace {

constexpr std::uint64_t kMaxOffset = std::numeric_limits<std::uint64_t>::max();

/// The error half of a refusal. Field names only: an entry may hold payload.
tl::unexpected<Error> Refuse(std::string_view field) {
  return Fail(Errc::kInvalidRecord, 0, "read a recorded event: " + std::string(field));
}

// The functions below answer with what is wrong; empty when nothing is.

std::string_view ReadOrigin(const v1::RecordedOrigin& from, EventOrigin& to) {
  const std::string& comm = from.comm();
  // The kernel's names end with a NUL of their own (TASK_COMM_LEN, proc(5)).
  if (comm.size() >= to.comm_bytes.size()) return "comm too long";
  if (comm.find('\0') != std::string::npos) return "comm with a NUL";
  to.ktime_ns = from.ktime_ns();
  to.pid = from.pid();
  to.tid = from.tid();
  std::copy(comm.begin(), comm.end(), to.comm_bytes.begin());
  return {};
}

SocketId ReadSocket(const v1::RecordedObject& from) { return {from.id(), from.generation()}; }

SslId ReadSsl(const v1::RecordedObject& from, const EventOrigin& origin) {
  return {origin.pid, from.id(), from.generation()};
}

bool IsNoPort(std::uint32_t number) { return number > std::numeric_limits<std::uint16_t>::max(); }

std::string_view ReadEndpoint(const v1::Endpoint& from, Endpoint& to) {
  if (IsNoPort(from.port())) return "port out of range";
  to.port = static_cast<std::uint16_t>(from.port());
  const std::string& address = from.address();
  if (address.size() == 4)
    std::copy_n(address.begin(), 4, to.address.begin());
  else if (address.size() == to.address.size())
    std::copy_n(address.begin(), to.address.size(), to.address.begin());
  else
    return "length of an address";
  return {};
}

std::string_view ReadTuple(const v1::RecordedTuple& from, Tuple& to) {
  const std::size_t length = from.local().address().size();
  if (from.remote().address().size() != length) return "addresses of two kinds";
  to.family = length == 4 ? AddressFamily::kIpv4 : AddressFamily::kIpv6;
  if (const auto wrong = ReadEndpoint(from.local(), to.local); !wrong.empty()) return wrong;
  return ReadEndpoint(from.remote(), to.remote);
}

template <class Event>
std::string_view ReadPlace(const v1::RecordedPlace& from, Event& event) {
  if (from.provenance() < v1::SOCKET_UNKNOWN || from.provenance() > v1::SOCKET_MATCHED)
    return "provenance out of range";
  if (from.has_fd() && from.fd() < 0) return "fd negative";
  event.ssl = ReadSsl(from.ssl(), event.origin);
  event.socket = ReadSocket(from.socket());
  event.provenance = static_cast<Provenance>(from.provenance());
  event.fd = from.has_fd() ? from.fd() : -1;
  return from.has_tuple() ? ReadTuple(from.tuple(), event.tuple) : std::string_view();
}

std::string_view ReadDirection(v1::DataType from, DataType& to) {
  if (from != v1::READ && from != v1::WRITE) return "direction out of range";
  to = from == v1::WRITE ? DataType::kWrite : DataType::kRead;
  return {};
}

std::string_view Read(const v1::RecordedData& from, SSLDataEvent& event) {
  event.data = from.data();
  if (event.data.empty() || event.data.size() > TLSCOPE_CHUNK_MAX) return "length of data";
  const bool whole = from.call_bytes() == 0;
  event.call_bytes = whole ? event.data.size() : from.call_bytes();
  event.chunk_offset = from.call_offset();
  if (event.chunk_offset > event.call_bytes ||
      event.data.size() > event.call_bytes - event.chunk_offset)
    return "data beyond call_bytes";
  event.stream_offset = from.stream_offset();
  if (event.stream_offset < event.chunk_offset) return "stream_offset below call_offset";
  if (event.stream_offset - event.chunk_offset > kMaxOffset - event.call_bytes)
    return "stream_offset overflows";
  event.ends_call = whole || from.ends_call();
  event.socket_pending = from.socket_pending();
  if (from.has_missed()) {
    Missed& missed = event.missed.emplace(Missed{DataType::kRead, from.missed().bytes()});
    if (const auto wrong = ReadDirection(from.missed().direction(), missed.direction);
        !wrong.empty())
      return wrong;
  }
  if (const auto wrong = ReadOrigin(from.origin(), event.origin); !wrong.empty()) return wrong;
  event.moved_ns = from.moved_ns();
  if (event.moved_ns > event.origin.ktime_ns) return "moved_ns after the origin's time";
  if (const auto wrong = ReadDirection(from.direction(), event.direction); !wrong.empty())
    return wrong;
  return ReadPlace(from.place(), event);
}

std::string_view Read(const v1::RecordedConnection& from, ConnDataEvent& event) {
  if (from.socket().id() == 0) return "socket missing";
  event.socket = ReadSocket(from.socket());
  if (const auto wrong = ReadOrigin(from.origin(), event.origin); !wrong.empty()) return wrong;
  return from.has_tuple() ? ReadTuple(from.tuple(), event.tuple) : std::string_view();
}

std::string_view Read(const v1::RecordedSslEnd& from, SSLEndEvent& event) {
  if (const auto wrong = ReadOrigin(from.origin(), event.origin); !wrong.empty()) return wrong;
  event.ssl = ReadSsl(from.ssl(), event.origin);
  event.bytes = {from.read_bytes(), from.written_bytes()};
  return {};
}

std::string_view Read(const v1::RecordedSslSocket& from, SSLSocketEvent& event) {
  if (from.place().socket().id() == 0) return "socket missing";
  if (const auto wrong = ReadOrigin(from.origin(), event.origin); !wrong.empty()) return wrong;
  return ReadPlace(from.place(), event);
}

std::string_view Read(const v1::RecordedHandshake& from, SSLHandshakeEvent& event) {
  using Kind = SSLHandshakeEvent::Kind;
  event.data = from.data();
  if (event.data.empty() || event.data.size() > TLSCOPE_HANDSHAKE_MAX) return "length of data";
  switch (from.kind()) {
    case v1::RecordedHandshake::CLIENT_HELLO:
      event.kind = Kind::kClientHello;
      break;
    case v1::RecordedHandshake::SERVER_HELLO:
      event.kind = Kind::kServerHello;
      break;
    case v1::RecordedHandshake::PROTOCOL:
      event.kind = Kind::kProtocol;
      break;
    default:
      return "kind out of range";
  }
  if (from.place().ssl().id() == 0 && from.place().socket().id() == 0)
    return "ssl and socket missing";
  if (const auto wrong = ReadOrigin(from.origin(), event.origin); !wrong.empty()) return wrong;
  if (const auto wrong = ReadDirection(from.direction(), event.direction); !wrong.empty())
    return wrong;
  return ReadPlace(from.place(), event);
}

template <class Event, class From>
Result<Record> ReadAs(const From& from, Event event = {}) {
  if (const std::string_view wrong = Read(from, event); !wrong.empty()) return Refuse(wrong);
  return event;
}

ConnDataEvent InState(ConnDataEvent::State state) {
  ConnDataEvent event;
  event.state = state;
  return event;
}

}  // namespace

bool IsEvent(const v1::RecordingEntry& entry) {
  switch (entry.entry_case()) {
    case v1::RecordingEntry::kData:
    case v1::RecordingEntry::kOpened:
    case v1::RecordingEntry::kClosed:
    case v1::RecordingEntry::kSslEnd:
    case v1::RecordingEntry::kSslSocket:
    case v1::RecordingEntry::kHandshake:
      return true;
    default:
      return false;
  }
}

Result<Record> ReadEvent(const v1::RecordingEntry& entry) {
  switch (entry.entry_case()) {
    case v1::RecordingEntry::kData:
      return ReadAs<SSLDataEvent>(entry.data());
    case v1::RecordingEntry::kOpened:
      return ReadAs<ConnDataEvent>(entry.opened(), InState(ConnDataEvent::State::kOpened));
    case v1::RecordingEntry::kClosed:
      return ReadAs<ConnDataEvent>(entry.closed(), InState(ConnDataEvent::State::kClosed));
    case v1::RecordingEntry::kSslEnd:
      return ReadAs<SSLEndEvent>(entry.ssl_end());
    case v1::RecordingEntry::kSslSocket:
      return ReadAs<SSLSocketEvent>(entry.ssl_socket());
    case v1::RecordingEntry::kHandshake:
      return ReadAs<SSLHandshakeEvent>(entry.handshake());
    default:
      return Refuse("no event");
  }
}

Result<RecordingInfo> ReadHeader(const v1::RecordingHeader& header) {
  if (header.magic() != kRecordingMagic || header.format_version() == 0)
    return Fail(Errc::kInvalidRecord, 0, "read it as a recording of tlscope",
                "it begins with something else than a recording");
  if (header.format_version() > kRecordingVersion)
    return Fail(Errc::kInvalidRecord, 0, "read it as a recording of tlscope",
                "it is of version " + std::to_string(header.format_version()) +
                    " and this tlscope knows version " + std::to_string(kRecordingVersion) +
                    ": use the one that recorded it, or a newer one");
  const auto& ports = header.ports();
  if (ports.size() > kMaxRecordingPorts || std::ranges::any_of(ports, IsNoPort))
    return Fail(
        Errc::kInvalidRecord, 0, "read it as a recording of tlscope",
        "its header has a port out of range, or more than " + std::to_string(kMaxRecordingPorts));
  return RecordingInfo{header.tlscope_version(),
                       header.host(),
                       header.kernel(),
                       header.started_unix_ns(),
                       header.realtime_offset_ns(),
                       {ports.begin(), ports.end()}};
}

RecordingTotals ReadEnd(const v1::RecordingEnd& end) {
  RecordingTotals totals;
  totals.seen_calls = end.seen_calls();
  totals.seen_bytes = end.seen_bytes();
  for (int i = 0; i < std::min(end.losses_size(), kMaxRecordingLosses); ++i) {
    const v1::RecordedCause& loss = end.losses(i);
    totals.losses.push_back({loss.cause(), loss.events(), loss.bytes()});
  }
  totals.recorded_entries = end.recorded_entries();
  totals.recorded_bytes = end.recorded_bytes();
  totals.dropped_entries = end.dropped_entries();
  totals.dropped_bytes = end.dropped_bytes();
  return totals;
}

}  // namespace tlscope
