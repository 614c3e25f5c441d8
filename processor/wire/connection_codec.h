// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "parsers/core/message.h"
#include "processor/events/bus_events.h"
#include "processor/wire/proto_writer.h"

namespace tlscope {

/// How the fields of tlscope.v1.Connection and MessageDecoded are written, for whatever message
/// they are part of. The caller sees to the room: fixed bytes besides what the functions named
/// ...FieldBytes say.

/// 0 stays 0: not known. What a made-up recording claims wraps instead of overflowing.
inline std::int64_t UnixNsOf(std::uint64_t ktime_ns, std::int64_t realtime_offset_ns) {
  return ktime_ns == 0
             ? 0
             : static_cast<std::int64_t>(ktime_ns + static_cast<std::uint64_t>(realtime_offset_ns));
}

/// Bytes of the strings that PutConnection writes.
std::size_t ConnectionFieldBytes(const ConnectionInfo& connection, std::string_view uuid);

/// All of a Connection as field `field`.
void PutConnection(int field, const ConnectionInfo& connection, std::string_view uuid,
                   ProtoWriter& out);

/// As field `field`, what an Event does not say otherwise: thread, descriptor and handshake.
void PutConnectionRest(int field, const ConnectionInfo& connection, ProtoWriter& out);

/// How much of the body is written where `limit_bytes` may be: less where there are more gaps than
/// are told one by one.
std::size_t KeptBodyBytes(const Message& message, std::size_t limit_bytes);

/// Bytes at most that PutMessageState and PutMessageFields write of strings and gaps.
std::size_t MessageFieldBytes(const Message& message);

/// Fields of MessageDecoded before its head.
void PutMessageState(const Message& message, ProtoWriter& out);

/// Fields of MessageDecoded after its trailers. What is left out of the body, of which `kept_bytes`
/// are written, is told as cut, gaps included: the sizes still add up.
void PutMessageFields(const Message& message, std::size_t kept_bytes,
                      std::int64_t realtime_offset_ns, ProtoWriter& out);

}  // namespace tlscope
