// SPDX-License-Identifier: Apache-2.0
#include "parsers/http2/bodies/rpc_body.h"

namespace tlscope::http2 {

void RpcBody::OnData(std::string_view bytes, std::uint64_t now_ns) {
  if (state_ == State::kData) {
    builder().Append(bytes, 0);
  } else {
    Read(bytes, now_ns);
  }
}

void RpcBody::Read(std::string_view bytes, std::uint64_t now_ns) {
  for (;;) {
    switch (reader_.Next(bytes)) {
      case grpc::MessageReader::Event::kNeedMore:
        return;
      case grpc::MessageReader::Event::kBegin:
        if (state_ == State::kReady) EmitMessage(now_ns);
        if (builder().parts() != 0) message().first_ktime_ns = now_ns;
        if (reader_.compressed()) builder().Decode(codings_);
        break;
      case grpc::MessageReader::Event::kContent:
        builder().Append(reader_.piece(), reader_.length());
        break;
      case grpc::MessageReader::Event::kEnd:
        state_ = State::kReady;
        break;
      case grpc::MessageReader::Event::kBroken:
        StopReading(now_ns);
        builder().Append(bytes, 0);
        return;
    }
  }
}

void RpcBody::OnFrameEnd(std::uint64_t now_ns) {
  if (state_ == State::kReady) EmitMessage(now_ns);
}

void RpcBody::EmitMessage(std::uint64_t now_ns) {
  EmitPart(now_ns);
  state_ = State::kReading;
}

void RpcBody::OnDataLost(std::uint64_t bytes, std::uint64_t now_ns) {
  if (state_ != State::kData && reader_.Jump(bytes)) {
    builder().AddGap(bytes);
    Read({}, now_ns);  // where all that was left of the message is lost, this is its end
    return;
  }
  StopReading(now_ns);
  message().grpc = false;
  builder().AddGap(bytes);
}

void RpcBody::OnLoss(std::uint64_t now_ns) {
  StopReading(now_ns);
  message().grpc = false;
  builder().AddGap(0);
}

void RpcBody::OnEnd(std::uint64_t now_ns) {
  if (state_ != State::kData && !reader_.between_messages()) StopReading(now_ns);
  // A last part that is no message has what came behind the messages: nothing, as a rule.
  if (builder().parts() != 0 && state_ != State::kReady) message().grpc = false;
}

// What follows is no message of the call. What has come of one that is not whole is shown as data.
void RpcBody::StopReading(std::uint64_t now_ns) {
  if (state_ == State::kData) return;
  if (state_ == State::kReady) EmitMessage(now_ns);
  state_ = State::kData;
  if (reader_.between_messages()) return;
  message().complete = false;
  message().grpc = false;
  if (!reader_.prefix().empty()) builder().Append(reader_.prefix(), 0);
}

}  // namespace tlscope::http2
