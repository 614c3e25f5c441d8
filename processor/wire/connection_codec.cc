// SPDX-License-Identifier: Apache-2.0
#include "processor/wire/connection_codec.h"

#include <algorithm>

#include "processor/wire/put_endpoint.h"
#include "tlscope/v1/events.pb.h"

namespace tlscope {
namespace {

// More gaps than that are told as one cut.
constexpr std::size_t kMaxGaps = 1024;

void PutFd(std::int32_t fd, ProtoWriter& out) {
  if (fd >= 0) out.PutVarint(v1::Connection::kFdFieldNumber, static_cast<std::uint64_t>(fd));
}

void PutHandshake(const HandshakeFacts& handshake, ProtoWriter& out) {
  out.Varint(v1::Connection::kTlsVersionFieldNumber, handshake.version);
  out.Bytes(v1::Connection::kServerNameFieldNumber, handshake.server_name);
  out.Bytes(v1::Connection::kProtocolFieldNumber, handshake.protocol);
}

void PutSizes(const Message& message, std::size_t kept_bytes, ProtoWriter& out) {
  using Fields = v1::MessageDecoded;
  std::uint64_t cut = message.cut_bytes + (message.body.size() - kept_bytes);
  for (std::size_t i = 0; i < message.gaps.size(); ++i) {
    const BodyGap& gap = message.gaps[i];
    if (i >= kMaxGaps || gap.position > kept_bytes) {
      cut += gap.bytes;
      continue;
    }
    const auto nested = out.Begin(Fields::kGapsFieldNumber);
    out.Varint(v1::BodyGap::kPositionFieldNumber, gap.position);
    out.Varint(v1::BodyGap::kBytesFieldNumber, gap.bytes);
    out.End(nested);
  }
  out.Varint(Fields::kContentBytesFieldNumber, message.content_bytes);
  out.Varint(Fields::kCutBytesFieldNumber, cut);
}

}  // namespace

std::size_t ConnectionFieldBytes(const ConnectionInfo& connection, std::string_view uuid) {
  return connection.comm.size() + connection.handshake.server_name.size() +
         connection.handshake.protocol.size() + uuid.size();
}

void PutConnection(int field, const ConnectionInfo& connection, std::string_view uuid,
                   ProtoWriter& out) {
  using Fields = v1::Connection;
  const auto nested = out.Begin(field, 200);
  out.Varint(Fields::kPidFieldNumber, connection.pid);
  out.Varint(Fields::kTidFieldNumber, connection.tid);
  out.Bytes(Fields::kCommFieldNumber, connection.comm);
  PutFd(connection.fd, out);
  PutEndpoint(Fields::kLocalFieldNumber, connection.tuple.local, connection.tuple.family, out);
  PutEndpoint(Fields::kRemoteFieldNumber, connection.tuple.remote, connection.tuple.family, out);
  out.Bytes(Fields::kUuidFieldNumber, uuid);
  PutHandshake(connection.handshake, out);
  out.End(nested);
}

void PutConnectionRest(int field, const ConnectionInfo& connection, ProtoWriter& out) {
  const auto nested = out.Begin(field, 50);
  out.Varint(v1::Connection::kTidFieldNumber, connection.tid);
  PutFd(connection.fd, out);
  PutHandshake(connection.handshake, out);
  out.End(nested);
}

std::size_t KeptBodyBytes(const Message& message, std::size_t limit_bytes) {
  const std::size_t kept = std::min(message.body.size(), limit_bytes);
  if (message.gaps.size() <= kMaxGaps) return kept;
  return std::min<std::size_t>(kept, message.gaps[kMaxGaps].position);
}

std::size_t MessageFieldBytes(const Message& message) {
  return message.decoded_from.size() + message.decode_error.size() + message.never_indexed.size() +
         message.rpc.size() + message.method.size() + message.target.size() +
         2 * ProtoWriter::kMaxOverhead * std::min(message.gaps.size(), kMaxGaps);
}

void PutMessageState(const Message& message, ProtoWriter& out) {
  using Fields = v1::MessageDecoded;
  out.Varint(Fields::kPacketFieldNumber, static_cast<std::uint64_t>(message.packet));
  out.Bool(Fields::kIncompleteFieldNumber, !message.complete);
  out.Bool(Fields::kResynchronisedFieldNumber, message.resynchronised);
}

void PutMessageFields(const Message& message, std::size_t kept_bytes,
                      std::int64_t realtime_offset_ns, ProtoWriter& out) {
  using Fields = v1::MessageDecoded;
  PutSizes(message, kept_bytes, out);
  out.Bytes(Fields::kDecodedFromFieldNumber, message.decoded_from);
  out.Bytes(Fields::kDecodeErrorFieldNumber, message.decode_error);
  out.Varint(Fields::kPartFieldNumber, message.part);
  out.Bool(Fields::kLastPartFieldNumber, message.last_part);
  out.Varint(Fields::kFrameFieldNumber, static_cast<std::uint64_t>(message.frame));
  out.Varint(Fields::kCloseCodeFieldNumber, message.close_code);
  out.Varint(Fields::kStreamIdFieldNumber, message.stream_id);
  out.Bytes(Fields::kNeverIndexedFieldNumber, message.never_indexed);
  out.Bool(Fields::kGrpcFieldNumber, message.grpc);
  out.Bytes(Fields::kRpcFieldNumber, message.rpc);
  out.Bytes(Fields::kMethodFieldNumber, message.method);
  out.Bytes(Fields::kTargetFieldNumber, message.target);
  out.Varint(Fields::kStatusFieldNumber, message.status);
  out.Varint(Fields::kExchangeFieldNumber, message.exchange);
  out.Signed(Fields::kFirstUnixNsFieldNumber, UnixNsOf(message.first_ktime_ns, realtime_offset_ns));
  out.Signed(Fields::kLastUnixNsFieldNumber, UnixNsOf(message.last_ktime_ns, realtime_offset_ns));
}

}  // namespace tlscope
