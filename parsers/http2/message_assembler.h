// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "parsers/connection/http2_directions.h"
#include "parsers/connection/parser_context.h"
#include "parsers/core/message.h"
#include "parsers/hpack/header_list.h"
#include "parsers/http2/request_notes.h"
#include "parsers/http2/stream_table.h"

namespace tlscope::http2 {

/// Makes messages of the header lists and data of one direction (RFC 9113 8), and tells the other
/// direction what concerns it: opens, bounds and ends streams, and chooses what the body of each is
/// when its head is there (see StreamBody).
///
/// A message is emitted when its stream ends, an interim response and a promised request at once,
/// one that can no longer end (reset, GOAWAY, too many streams, end of the connection) then,
/// incomplete. Data of a stream whose header list was not seen makes a message without a head, with
/// a gap at its start.
class MessageAssembler {
 public:
  static constexpr std::size_t kMaxRpcBytes = 512;

  MessageAssembler(Sender sender, ParserContext& context, MessageHandler& handler);
  ~MessageAssembler();
  MessageAssembler(const MessageAssembler&) = delete;
  MessageAssembler& operator=(const MessageAssembler&) = delete;

  /// The time of the bytes that are being read, and that of the frame's first byte.
  void SetTime(std::uint64_t frame_ktime_ns, std::uint64_t now_ns) {
    frame_ktime_ns_ = frame_ktime_ns;
    now_ns_ = now_ns;
  }

  void OnHeaders(std::uint32_t stream_id, const HeaderList& list, bool end_stream);
  /// The promised stream's request.
  void OnPush(std::uint32_t stream_id, const HeaderList& list);
  void OnData(std::uint32_t stream_id, std::string_view bytes);
  /// `bytes` bytes of a stream's data were lost.
  void OnDataLost(std::uint32_t stream_id, std::uint64_t bytes);
  /// A DATA frame ends.
  void OnDataEnd(std::uint32_t stream_id, bool end_stream);
  /// RST_STREAM: the stream is over in both directions.
  void OnReset(std::uint32_t stream_id);
  /// GOAWAY: what the other end began above `last_stream_id` will not be answered.
  void OnGoAway(std::uint32_t last_stream_id);
  /// Frames may have been lost: anything may be missing from any stream.
  void OnLoss();
  /// The sender paused: emits parts that this ends.
  void Flush();
  /// Whether Flush would emit one.
  bool holds_part() const { return streaming_ && streams_.holds_part(); }
  /// No more comes.
  void Finish();
  void Reset();

  Sender sender() const { return sender_; }
  /// Of this direction's messages.
  ParserType type() const;
  std::uint64_t held_bytes() const;
  /// The next message is the first after joining late or after a loss.
  void NoteResynchronised() { resynchronised_ = true; }

 private:
  enum class End : std::uint8_t { kWhole, kCutShort };

  MessageAssembler* Other() const;
  void LearnSender(const HeaderList& list);

  Stream* Open(std::uint32_t stream_id);
  Stream* DataStream(std::uint32_t stream_id);
  void Begin(MessageBuilder& builder, std::uint32_t stream_id, const HeaderList& list);
  void BeginBody(Stream& stream, const HeaderList& list);
  void BeginTunnel(Stream& stream, const HeaderList& list, const RequestNotes::Note* request);
  void BeginRpc(Stream& stream, const HeaderList& list, const RequestNotes::Note* request);
  void BeginPlain(Stream& stream, const HeaderList& list);
  void Accept(std::uint32_t stream_id, const websocket::Extensions& extensions);
  void AddTrailers(Stream& stream, const HeaderList& list);

  const RequestNotes::Note* RequestOf(std::uint32_t stream_id) const;
  void ForgetRequest(std::uint32_t stream_id);

  void EndStream(Stream& stream, End end);
  void Emit(MessageBuilder& builder);
  void CutShort(std::uint32_t stream_id);
  void CutShortAbove(std::uint32_t stream_id, bool odd);
  bool WasCutShort(std::uint32_t stream_id) const;

  Sender sender_;
  ParserContext& context_;
  MessageHandler& handler_;
  StreamTable streams_;
  MessageBuilder single_;  ///< for messages that need no stream
  RequestNotes notes_;
  std::array<std::uint32_t, 32> cut_short_{};  ///< streams reset last: what is still sent on them
  std::size_t cut_short_next_ = 0;             ///< is nobody's
  bool resynchronised_ = false;
  bool streaming_ = false;  ///< some message has left in parts by a PartRule
  std::uint64_t frame_ktime_ns_ = 0;
  std::uint64_t now_ns_ = 0;
};

}  // namespace tlscope::http2
