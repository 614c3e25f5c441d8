// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "parsers/content/coding_list.h"
#include "parsers/content/message_builder.h"
#include "parsers/grpc/message_reader.h"
#include "parsers/http2/websocket_tunnel.h"

namespace tlscope::http2 {

/// One direction of a stream whose message has not ended.
struct Stream {
  Stream(std::uint32_t stream_id, const ParserLimits& limits, ByteBudget& budget)
      : id(stream_id), message(limits, budget) {}

  std::uint32_t id;
  MessageBuilder message;
  bool has_head = false;
  bool tunnel = false;               ///< of CONNECT: data leaves as it comes
  bool message_ready = false;        ///< of gRPC: what `message` holds is one whole message
  std::uint32_t parts = 0;           ///< emitted so far
  bool parts_complete = true;        ///< all of them were
  std::uint64_t expected_bytes = 0;  ///< Content-Length
  std::optional<grpc::MessageReader> grpc;
  content::CodingList grpc_codings;         ///< of messages marked compressed
  std::unique_ptr<WebSocketTunnel> socket;  ///< what the tunnel carries, if it is one
};

/// The open streams of one direction, at most kMaxStreams.
class StreamTable {
 public:
  static constexpr std::size_t kMaxStreams = 1024;
  /// What a stream costs besides its message; taken from the budget.
  static constexpr std::uint64_t kStreamBytes = sizeof(Stream) + 64;

  StreamTable(const ParserLimits& limits, ByteBudget& budget) : limits_(limits), budget_(budget) {}
  ~StreamTable() { Clear(); }
  StreamTable(const StreamTable&) = delete;
  StreamTable& operator=(const StreamTable&) = delete;

  /// Null when it is not open. What is found counts as used.
  Stream* Find(std::uint32_t id);
  /// A stream that is not open yet. Null when the table is full or the budget refuses.
  Stream* Add(std::uint32_t id);
  void Remove(std::uint32_t id);
  /// The one not used for longest; null when there is none.
  Stream* Oldest();
  /// The open one with the lowest id above `id`; null when there is none.
  Stream* After(std::uint32_t id);
  bool empty() const { return entries_.empty(); }
  std::uint64_t held_bytes() const;
  /// Whether a message holds a part that a pause would end.
  bool holds_part() const;
  void Clear();

 private:
  struct Entry {
    std::uint32_t id;
    std::uint64_t used;
    std::unique_ptr<Stream> stream;
  };
  std::vector<Entry>::iterator Place(std::uint32_t id);

  const ParserLimits& limits_;
  ByteBudget& budget_;
  std::uint64_t clock_ = 0;
  std::vector<Entry> entries_;  ///< by id
};

}  // namespace tlscope::http2
