// SPDX-License-Identifier: Apache-2.0
#include "processor/recording/recording_writer.h"

#include <algorithm>
#include <variant>

#include "bpf/tlscope_abi.h"
#include "processor/recording/entry_checksum.h"
#include "processor/recording/recording_limits.h"
#include "processor/text/utf8.h"
#include "processor/wire/delimited.h"
#include "processor/wire/proto_writer.h"
#include "processor/wire/put_endpoint.h"
#include "tlscope/v1/recording.pb.h"

namespace tlscope {
namespace {

// Texts and losses are cut to these, so that header and end are well within an entry's limit.
constexpr std::size_t kMaxText = 256;
constexpr std::size_t kMaxLosses = kMaxRecordingLosses;

// Room for the length before an entry, and for the fields of any entry besides data and texts.
constexpr std::size_t kLengthRoom = 10;
constexpr std::size_t kFixedBytes = 2048;
constexpr std::size_t kEventBytes = kLengthRoom + kFixedBytes + TLSCOPE_CHUNK_MAX;
constexpr std::size_t kEndBytes =
    kLengthRoom + kFixedBytes + kMaxLosses * (kMaxText + 4 * ProtoWriter::kMaxOverhead);
static_assert(std::max(kEventBytes, kEndBytes) < kMaxRecordingEntryBytes);

static_assert(static_cast<int>(Provenance::kSetFd) == v1::SOCKET_SET_FD);
static_assert(static_cast<int>(Provenance::kNested) == v1::SOCKET_NESTED);
static_assert(static_cast<int>(Provenance::kCached) == v1::SOCKET_CACHED);
static_assert(static_cast<int>(Provenance::kMatched) == v1::SOCKET_MATCHED);
static_assert(static_cast<int>(DataType::kWrite) == v1::WRITE);

std::string_view TextOf(std::string_view text) {
  return text.size() <= kMaxText && IsUtf8(text) ? text : std::string_view();
}

int KindOf(SSLHandshakeEvent::Kind kind) {
  switch (kind) {
    case SSLHandshakeEvent::Kind::kClientHello:
      return v1::RecordedHandshake::CLIENT_HELLO;
    case SSLHandshakeEvent::Kind::kServerHello:
      return v1::RecordedHandshake::SERVER_HELLO;
    case SSLHandshakeEvent::Kind::kProtocol:
      return v1::RecordedHandshake::PROTOCOL;
  }
  return v1::RecordedHandshake::KIND_UNSPECIFIED;
}

/// Writes what events have in common.
class Fields {
 public:
  Fields(ProtoWriter& out, const HashKey& key) : out_(out), key_(key) {}

  void Origin(int field, const EventOrigin& origin) {
    const auto nested = out_.Begin(field, 40);
    out_.Varint(v1::RecordedOrigin::kKtimeNsFieldNumber, origin.ktime_ns);
    out_.Varint(v1::RecordedOrigin::kPidFieldNumber, origin.pid);
    out_.Varint(v1::RecordedOrigin::kTidFieldNumber, origin.tid);
    out_.Bytes(v1::RecordedOrigin::kCommFieldNumber, origin.comm());
    out_.End(nested);
  }

  // Sockets are the kernel's, SSL objects a process's: no process has the id 0.
  void Socket(int field, const SocketId& socket) {
    Object(field, socket.address, socket.generation, 0);
  }
  void Ssl(int field, const SslId& ssl) { Object(field, ssl.address, ssl.generation, ssl.pid); }

  void Ends(int field, const tlscope::Tuple& tuple) {
    if (tuple.family == AddressFamily::kNone) return;
    const auto nested = out_.Begin(field, 50);
    PutEndpoint(v1::RecordedTuple::kLocalFieldNumber, tuple.local, tuple.family, out_);
    PutEndpoint(v1::RecordedTuple::kRemoteFieldNumber, tuple.remote, tuple.family, out_);
    out_.End(nested);
  }

  void Lost(int field, const Missed& missed) {
    const auto nested = out_.Begin(field, 8);
    out_.Varint(v1::RecordedMissed::kDirectionFieldNumber,
                static_cast<std::uint64_t>(missed.direction));
    out_.Varint(v1::RecordedMissed::kBytesFieldNumber, missed.bytes);
    out_.End(nested);
  }

  template <class Event>
  void Identity(int field, const Event& event) {
    const auto nested = out_.Begin(field, 100);
    Ssl(v1::RecordedPlace::kSslFieldNumber, event.ssl);
    Socket(v1::RecordedPlace::kSocketFieldNumber, event.socket);
    Ends(v1::RecordedPlace::kTupleFieldNumber, event.tuple);
    out_.Varint(v1::RecordedPlace::kProvenanceFieldNumber,
                static_cast<std::uint64_t>(event.provenance));
    if (event.fd >= 0)
      out_.PutVarint(v1::RecordedPlace::kFdFieldNumber, static_cast<std::uint64_t>(event.fd));
    out_.End(nested);
  }

 private:
  void Object(int field, std::uint64_t address, std::uint64_t generation, std::uint32_t owner) {
    if (address == 0) return;
    const auto nested = out_.Begin(field, 12);
    // 0 would say that it is not known.
    const std::uint64_t id = std::max<std::uint64_t>(KeyedHash(key_, address, owner), 1);
    out_.PutFixed64(v1::RecordedObject::kIdFieldNumber, id);
    out_.Varint(v1::RecordedObject::kGenerationFieldNumber, generation);
    out_.End(nested);
  }

  ProtoWriter& out_;
  const HashKey& key_;
};

int FieldOf(const SSLDataEvent& /*event*/) { return v1::RecordingEntry::kDataFieldNumber; }
int FieldOf(const ConnDataEvent& event) {
  return event.state == ConnDataEvent::State::kOpened ? v1::RecordingEntry::kOpenedFieldNumber
                                                      : v1::RecordingEntry::kClosedFieldNumber;
}
int FieldOf(const SSLEndEvent& /*event*/) { return v1::RecordingEntry::kSslEndFieldNumber; }
int FieldOf(const SSLSocketEvent& /*event*/) { return v1::RecordingEntry::kSslSocketFieldNumber; }
int FieldOf(const SSLHandshakeEvent& /*event*/) {
  return v1::RecordingEntry::kHandshakeFieldNumber;
}

void Put(const SSLDataEvent& event, Fields fields, ProtoWriter& out) {
  using Numbers = v1::RecordedData;
  fields.Origin(Numbers::kOriginFieldNumber, event.origin);
  fields.Identity(Numbers::kPlaceFieldNumber, event);
  out.Varint(Numbers::kDirectionFieldNumber, static_cast<std::uint64_t>(event.direction));
  out.Varint(Numbers::kStreamOffsetFieldNumber, event.stream_offset);
  out.Varint(Numbers::kCallBytesFieldNumber, event.call_bytes);
  out.Varint(Numbers::kCallOffsetFieldNumber, event.chunk_offset);
  out.Bool(Numbers::kEndsCallFieldNumber, event.ends_call);
  out.Bool(Numbers::kSocketPendingFieldNumber, event.socket_pending);
  if (event.missed) fields.Lost(Numbers::kMissedFieldNumber, *event.missed);
  if (event.time_ns() != event.origin.ktime_ns)
    out.Varint(Numbers::kMovedNsFieldNumber, event.time_ns());
  out.Bytes(Numbers::kDataFieldNumber, event.data);
}

void Put(const ConnDataEvent& event, Fields fields, ProtoWriter& /*out*/) {
  using Numbers = v1::RecordedConnection;
  fields.Origin(Numbers::kOriginFieldNumber, event.origin);
  fields.Socket(Numbers::kSocketFieldNumber, event.socket);
  fields.Ends(Numbers::kTupleFieldNumber, event.tuple);
}

void Put(const SSLEndEvent& event, Fields fields, ProtoWriter& out) {
  using Numbers = v1::RecordedSslEnd;
  fields.Origin(Numbers::kOriginFieldNumber, event.origin);
  fields.Ssl(Numbers::kSslFieldNumber, event.ssl);
  out.Varint(Numbers::kReadBytesFieldNumber,
             event.bytes[static_cast<std::size_t>(DataType::kRead)]);
  out.Varint(Numbers::kWrittenBytesFieldNumber,
             event.bytes[static_cast<std::size_t>(DataType::kWrite)]);
}

void Put(const SSLSocketEvent& event, Fields fields, ProtoWriter& /*out*/) {
  using Numbers = v1::RecordedSslSocket;
  fields.Origin(Numbers::kOriginFieldNumber, event.origin);
  fields.Identity(Numbers::kPlaceFieldNumber, event);
}

void Put(const SSLHandshakeEvent& event, Fields fields, ProtoWriter& out) {
  using Numbers = v1::RecordedHandshake;
  fields.Origin(Numbers::kOriginFieldNumber, event.origin);
  fields.Identity(Numbers::kPlaceFieldNumber, event);
  out.Varint(Numbers::kKindFieldNumber, static_cast<std::uint64_t>(KindOf(event.kind)));
  out.Varint(Numbers::kDirectionFieldNumber, static_cast<std::uint64_t>(event.direction));
  out.Bytes(Numbers::kDataFieldNumber, event.data);
}

std::size_t SizeHint(const Record& record) {
  const auto* const data = std::get_if<SSLDataEvent>(&record);
  return 150 + (data != nullptr ? data->data.size() : 0);
}

/// Lays out in `buffer` an entry with one field, whose contents `put` writes, and its checksum.
template <class PutContents>
std::string_view Wrap(std::vector<char>& buffer, int field, std::size_t size_hint,
                      PutContents put) {
  char* const begin = buffer.data() + kLengthRoom;
  ProtoWriter out(begin);
  const auto nested = out.Begin(field, size_hint);
  put(out);
  out.End(nested);
  const std::string_view fields(begin, static_cast<std::size_t>(out.end() - begin));
  out.PutFixed32(v1::RecordingEntry::kChecksumFieldNumber, EntryChecksum(fields));
  const auto bytes = static_cast<std::uint64_t>(out.end() - begin);
  char* const start = begin - VarintBytes(bytes);
  google::protobuf::io::CodedOutputStream::WriteVarint64ToArray(
      bytes, reinterpret_cast<std::uint8_t*>(start));
  return {start, static_cast<std::size_t>(out.end() - start)};
}

}  // namespace

std::string EncodeRecordingHeader(const RecordingInfo& info) {
  using Numbers = v1::RecordingHeader;
  std::string ports;
  for (const std::uint16_t port : info.ports) AppendVarint(port, ports);
  std::vector<char> buffer(kLengthRoom + kFixedBytes + ports.size());
  return std::string(
      Wrap(buffer, v1::RecordingEntry::kHeaderFieldNumber, 100, [&](ProtoWriter& out) {
        out.Bytes(Numbers::kMagicFieldNumber, kRecordingMagic);
        out.Varint(Numbers::kFormatVersionFieldNumber, kRecordingVersion);
        out.Bytes(Numbers::kTlscopeVersionFieldNumber, TextOf(info.tlscope_version));
        out.Bytes(Numbers::kHostFieldNumber, TextOf(info.host));
        out.Bytes(Numbers::kKernelFieldNumber, TextOf(info.kernel));
        out.Signed(Numbers::kStartedUnixNsFieldNumber, info.started_unix_ns);
        out.Signed(Numbers::kRealtimeOffsetNsFieldNumber, info.realtime_offset_ns);
        out.Bytes(Numbers::kPortsFieldNumber, ports);
      }));
}

std::string EncodeRecordingLoss(std::uint64_t entries, std::uint64_t bytes) {
  std::vector<char> buffer(kLengthRoom + 6 * ProtoWriter::kMaxOverhead);
  return std::string(Wrap(buffer, v1::RecordingEntry::kLostFieldNumber, 10, [&](ProtoWriter& out) {
    out.Varint(v1::RecordedLoss::kEntriesFieldNumber, entries);
    out.Varint(v1::RecordedLoss::kBytesFieldNumber, bytes);
  }));
}

std::string EncodeRecordingEnd(const RecordingTotals& totals) {
  using Numbers = v1::RecordingEnd;
  std::vector<char> buffer(kEndBytes);
  return std::string(Wrap(buffer, v1::RecordingEntry::kEndFieldNumber, 200, [&](ProtoWriter& out) {
    out.Varint(Numbers::kSeenCallsFieldNumber, totals.seen_calls);
    out.Varint(Numbers::kSeenBytesFieldNumber, totals.seen_bytes);
    for (std::size_t i = 0; i < std::min(totals.losses.size(), kMaxLosses); ++i) {
      const RecordingCause& loss = totals.losses[i];
      const auto nested = out.Begin(Numbers::kLossesFieldNumber, 30);
      out.Bytes(v1::RecordedCause::kCauseFieldNumber, TextOf(loss.cause));
      out.Varint(v1::RecordedCause::kEventsFieldNumber, loss.events);
      out.Varint(v1::RecordedCause::kBytesFieldNumber, loss.bytes);
      out.End(nested);
    }
    out.Varint(Numbers::kRecordedEntriesFieldNumber, totals.recorded_entries);
    out.Varint(Numbers::kRecordedBytesFieldNumber, totals.recorded_bytes);
    out.Varint(Numbers::kDroppedEntriesFieldNumber, totals.dropped_entries);
    out.Varint(Numbers::kDroppedBytesFieldNumber, totals.dropped_bytes);
  }));
}

RecordingWriter::RecordingWriter(const HashKey& key) : key_(key), buffer_(kEventBytes) {}

std::string_view RecordingWriter::Encode(const Record& record) {
  return std::visit(
      [&](const auto& event) {
        return Wrap(buffer_, FieldOf(event), SizeHint(record),
                    [&](ProtoWriter& out) { Put(event, Fields(out, key_), out); });
      },
      record);
}

}  // namespace tlscope
