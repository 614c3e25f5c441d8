// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "parsers/connection/http2_directions.h"
#include "parsers/connection/parser_context.h"
#include "parsers/core/message.h"
#include "parsers/hpack/header_list.h"
#include "parsers/http2/stream_table.h"

namespace tlscope::http2 {

/// Makes messages of the header lists and data of one direction (RFC 9113 8), and tells the other
/// direction what concerns it.
///
/// A message is emitted when its stream ends, an interim response and a promised request at once,
/// one that can no longer end (reset, GOAWAY, too many streams, end of the connection) then,
/// incomplete. What goes through a CONNECT tunnel and each message of a gRPC call leave as parts: a
/// tunnel's at the end of each DATA frame and after kTunnelBytes, a gRPC call's with the frame or
/// message that follows. So do responses that stream, by content::PartRuleOf. In a tunnel that was
/// opened for a WebSocket (RFC 8441) its messages take the place of the parts between the first,
/// which is the head, and the last; where they cannot be read the data leaves as any tunnel's. Data
/// of a stream whose header list was not seen makes a message without a head, with a gap at its
/// start.
class MessageAssembler {
 public:
  static constexpr std::size_t kTunnelBytes = 64U << 10;
  /// Requests of which the responses have something to know, at most.
  static constexpr std::size_t kMaxNotes = 1024;
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
  /// What a response needs to know of its request.
  struct Note {
    std::uint32_t stream_id;
    bool connect;
    bool websocket;  ///< by extended CONNECT
    std::string rpc;
  };

  MessageAssembler* Other() const;
  void LearnSender(const HeaderList& list);

  Stream* Open(std::uint32_t stream_id);
  void Begin(MessageBuilder& builder, std::uint32_t stream_id, const HeaderList& list);
  void BeginBody(Stream& stream, const HeaderList& list);
  void BeginGrpc(Stream& stream, const HeaderList& list);
  void TakeNote(const HeaderList& list, std::uint32_t stream_id, const std::string& rpc);
  const Note* FindNote(std::uint32_t stream_id) const;
  void Forget(std::uint32_t stream_id);
  void ForgetRequest(std::uint32_t stream_id);
  void AddTrailers(Stream& stream, const HeaderList& list);

  Stream* DataStream(std::uint32_t stream_id);
  void AppendGrpc(Stream& stream, std::string_view bytes);
  void AppendTunnel(Stream& stream, std::string_view bytes);
  void LeaveGrpc(Stream& stream);
  void OpenSocket(std::uint32_t stream_id, const websocket::Extensions& extensions);
  void FeedSocket(Stream& stream, std::string_view bytes);
  void LeaveSocket(Stream& stream);
  void EndStream(Stream& stream);
  void EmitPart(Stream& stream);
  void EmitLast(Stream& stream);
  void EmitIncomplete(Stream& stream);
  void EmitSingle(MessageBuilder& builder);
  void CutShort(std::uint32_t stream_id);
  void CutShortAbove(std::uint32_t stream_id, bool odd);
  bool WasCutShort(std::uint32_t stream_id) const;

  Sender sender_;
  ParserContext& context_;
  MessageHandler& handler_;
  StreamTable streams_;
  MessageBuilder single_;  ///< for messages that need no stream
  std::vector<Note> notes_;
  std::uint64_t notes_bytes_ = 0;
  std::array<std::uint32_t, 32> cut_short_{};  ///< streams reset last: what is still sent on them
  std::size_t cut_short_next_ = 0;             ///< is nobody's
  bool resynchronised_ = false;
  bool streaming_ = false;  ///< some message has left in parts by a PartRule
  std::uint64_t frame_ktime_ns_ = 0;
  std::uint64_t now_ns_ = 0;
};

}  // namespace tlscope::http2
