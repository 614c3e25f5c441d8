// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <variant>
#include <vector>

#include "parsers/content/message_builder.h"
#include "parsers/core/message.h"
#include "parsers/http2/bodies/plain_body.h"
#include "parsers/http2/bodies/rpc_body.h"
#include "parsers/http2/bodies/socket_body.h"
#include "parsers/http2/bodies/stream_body.h"
#include "parsers/http2/bodies/tunnel_body.h"

namespace tlscope::http2 {

/// One direction of a stream whose message has not ended. Its body is inside it, so that a message
/// costs one allocation of whatever kind it is.
class Stream {
 public:
  /// A plain body until Begin says what it is.
  Stream(std::uint32_t stream_id, const ParserLimits& limits, ByteBudget& budget,
         MessageHandler& handler)
      : id(stream_id),
        message(limits, budget),
        handler_(handler),
        kind_(std::in_place_type<PlainBody>, message, handler, 0),
        body_(std::get_if<PlainBody>(&kind_)) {}
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  /// The head is in the message, and the body is such a one: `args` are what its constructor takes
  /// besides the message and the handler.
  template <class Body, class... Args>
  void Begin(Args&&... args) {
    body_ = &kind_.template emplace<Body>(message, handler_, std::forward<Args>(args)...);
  }

  StreamBody& body() { return *body_; }
  std::uint64_t held_bytes() const { return message.held_bytes() + body_->held_bytes(); }

  const std::uint32_t id;
  MessageBuilder message;

 private:
  MessageHandler& handler_;
  std::variant<PlainBody, RpcBody, TunnelBody, SocketBody> kind_;
  StreamBody* body_;  ///< the one in kind_
};

/// The open streams of one direction, at most kMaxStreams.
class StreamTable {
 public:
  static constexpr std::size_t kMaxStreams = 1024;
  /// What a stream costs besides its message; taken from the budget.
  static constexpr std::uint64_t kStreamBytes = sizeof(Stream) + 64;

  /// All must outlive the table.
  StreamTable(const ParserLimits& limits, ByteBudget& budget, MessageHandler& handler)
      : limits_(limits), budget_(budget), handler_(handler) {}
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
  std::vector<Entry>::iterator PositionOf(std::uint32_t id);

  const ParserLimits& limits_;
  ByteBudget& budget_;
  MessageHandler& handler_;
  std::uint64_t clock_ = 0;
  std::vector<Entry> entries_;  ///< by id
};

}  // namespace tlscope::http2
