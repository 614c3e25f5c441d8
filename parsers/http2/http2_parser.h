// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "parsers/connection/parser_context.h"
#include "parsers/content/message_builder.h"
#include "parsers/core/stream_parser.h"
#include "parsers/hpack/header_list.h"
#include "parsers/hpack/hpack_decoder.h"
#include "parsers/http2/frame_reader.h"
#include "parsers/http2/frame_search.h"
#include "parsers/http2/message_assembler.h"

namespace tlscope::http2 {

/// Where in a connection's life a parser begins.
enum class Start : std::uint8_t {
  kOfClient,  ///< with the client's preface
  kOfServer,  ///< with the server's SETTINGS
  kLate,      ///< with some frame in the middle
};

/// HTTP/2 (RFC 9113) of one direction: frames, header blocks, streams. Messages come out in the
/// order in which they end; see MessageAssembler, and HpackDecoder for what is exact after joining
/// late or after a loss.
///
/// Lost bytes inside a frame are jumped over by its length. What reaches further, or what breaks
/// the rules so that a receiver would end the connection, ends the framing: up to the next
/// believable run of frames (see DetectRun) the bytes come out as one kUnknown message, and the
/// message after it says `resynchronised`.
///
/// Never returns kInvalid or kUpgrade. Flush emits what is being skipped, and parts of bodies that
/// are shown while they go on.
class Http2Parser final : public StreamParser {
 public:
  /// Both must outlive the parser.
  Http2Parser(Start start, ParserContext& context, MessageHandler& handler);
  ~Http2Parser() override;
  Http2Parser(const Http2Parser&) = delete;
  Http2Parser& operator=(const Http2Parser&) = delete;

  ParseStatus Feed(std::string_view bytes, std::uint64_t ktime_ns) override;
  ParseStatus Gap(std::uint64_t bytes, std::uint64_t ktime_ns) override;
  void Flush() override;
  bool holds_part() const override { return assembler_.holds_part(); }
  void Finish(StreamEnd end) override;
  std::string TakeRest() override { return {}; }
  void Reset() override;
  ParserType type() const override { return assembler_.type(); }
  std::size_t held_bytes() const override;

 private:
  /// A header block: from HEADERS or PUSH_PROMISE to END_HEADERS.
  struct Block {
    bool open = false;
    bool lost = false;   ///< the rest cannot be decoded
    bool ended = false;  ///< its last byte was
    bool promise = false;
    bool end_stream = false;
    std::uint32_t stream_id = 0;   ///< of its frames
    std::uint32_t message_id = 0;  ///< of the message it begins or ends
    std::uint64_t ktime_ns = 0;
  };

  void Begin();
  void ReadPreface(std::string_view& bytes);
  void Run(std::string_view bytes);
  void OnBegin();
  void OnPiece(std::string_view piece);
  void OnEnd();
  void OnControlEnd();
  void LogFrame();

  void BeginBlock();
  void FeedBlock(std::string_view piece, bool last);
  void EndBlock();
  void BreakBlock();

  void JumpInFrame(std::uint64_t bytes);
  void LoseFraming();
  void Search(std::string_view bytes);
  void Skip(std::string_view bytes);
  void EmitSkipped();
  void SettleList();

  const Start start_;
  ParserContext& context_;
  MessageHandler& handler_;

  std::size_t preface_left_ = 0;
  bool searching_ = false;  ///< for the next frame
  FrameSearch search_;
  FrameReader reader_;
  HpackDecoder hpack_;
  HeaderList list_;
  Block block_;
  MessageAssembler assembler_;
  std::string control_;        ///< payload of a frame that is no stream's, its first bytes
  bool control_lost_ = false;  ///< some of it was lost

  std::uint64_t list_taken_ = 0;
  std::unique_ptr<MessageBuilder> skipped_;  ///< bytes of no frame; made when needed
  std::uint64_t now_ns_ = 0;
  std::uint64_t frame_ktime_ns_ = 0;  ///< of the frame's first byte
};

std::unique_ptr<StreamParser> MakeClientParser(ParserContext& context, MessageHandler& handler);
std::unique_ptr<StreamParser> MakeServerParser(ParserContext& context, MessageHandler& handler);
std::unique_ptr<StreamParser> MakeLateParser(ParserContext& context, MessageHandler& handler);

}  // namespace tlscope::http2
