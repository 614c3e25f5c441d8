// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

#include "parsers/content/coding_list.h"
#include "parsers/grpc/message_reader.h"
#include "parsers/http2/bodies/stream_body.h"

namespace tlscope::http2 {

/// One direction of a gRPC call. Each of its messages leaves as a part, with the end of the frame
/// that ended it or with the message behind it, and the last with the stream unless trailers come.
///
/// | state | OnData | OnFrameEnd | OnDataLost, OnLoss | OnTrailers | OnEnd |
/// |---|---|---|---|---|---|
/// | kReading | reads; a message's end: kReady | | beyond the message: kData | kData | between
/// messages: nothing, else kData | | kReady | a message begins: it leaves, kReading | it leaves,
/// kReading | it leaves, kData | it leaves, kData | it leaves with the stream | | kData | appends |
/// | adds a gap | | |
class RpcBody final : public StreamBody {
 public:
  /// `codings`: of messages that are marked compressed (grpc-encoding).
  RpcBody(MessageBuilder& message, MessageHandler& handler, const content::CodingList& codings)
      : StreamBody(message, handler), codings_(codings) {
    this->message().grpc = true;
  }

  void OnData(std::string_view bytes, std::uint64_t now_ns) override;
  void OnFrameEnd(std::uint64_t now_ns) override;
  void OnDataLost(std::uint64_t bytes, std::uint64_t now_ns) override;
  void OnLoss(std::uint64_t now_ns) override;
  void OnTrailers(std::uint64_t now_ns) override { StopReading(now_ns); }
  void OnEnd(std::uint64_t now_ns) override;

 private:
  enum class State : std::uint8_t {
    kReading,  ///< the message is none yet, or not whole
    kReady,    ///< the message is one whole message of the call
    kData,     ///< the call's messages are over, or where one begins is not known
  };

  void Read(std::string_view bytes, std::uint64_t now_ns);
  void EmitMessage(std::uint64_t now_ns);
  void StopReading(std::uint64_t now_ns);

  State state_ = State::kReading;
  grpc::MessageReader reader_;
  content::CodingList codings_;
};

}  // namespace tlscope::http2
