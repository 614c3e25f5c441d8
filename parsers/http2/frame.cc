// SPDX-License-Identifier: Apache-2.0
#include "parsers/http2/frame.h"

namespace tlscope::http2 {
namespace {

std::uint32_t Byte(std::string_view bytes, std::size_t at) {
  return static_cast<unsigned char>(bytes[at]);
}

}  // namespace

std::uint32_t ReadUint32(std::string_view bytes, std::size_t at) {
  return Byte(bytes, at) << 24U | Byte(bytes, at + 1) << 16U | Byte(bytes, at + 2) << 8U |
         Byte(bytes, at + 3);
}

FrameHeader ReadFrameHeader(std::string_view bytes) {
  FrameHeader frame;
  frame.length = Byte(bytes, 0) << 16U | Byte(bytes, 1) << 8U | Byte(bytes, 2);
  frame.type = static_cast<FrameType>(Byte(bytes, 3));
  frame.flags = static_cast<std::uint8_t>(Byte(bytes, 4));
  frame.stream_id = ReadUint32(bytes, 5) & 0x7fffffffU;
  return frame;
}

bool ObeysRules(const FrameHeader& frame) {
  const bool on_stream = frame.stream_id != 0;
  switch (frame.type) {
    case FrameType::kData:
    case FrameType::kHeaders:
    case FrameType::kPushPromise:
      return on_stream && frame.length >= PrefixBytes(frame);
    case FrameType::kContinuation:
      return on_stream;
    case FrameType::kPriority:
      return on_stream && frame.length == 5;
    case FrameType::kRstStream:
      return on_stream && frame.length == 4;
    case FrameType::kSettings:
      return !on_stream && frame.length % 6 == 0 && (!frame.has(kFlagAck) || frame.length == 0);
    case FrameType::kPing:
      return !on_stream && frame.length == 8;
    case FrameType::kGoAway:
      return !on_stream && frame.length >= 8;
    case FrameType::kWindowUpdate:
      return frame.length == 4;
    case FrameType::kAltSvc:
    case FrameType::kOrigin:
    case FrameType::kPriorityUpdate:
      break;
  }
  return true;
}

std::size_t PrefixBytes(const FrameHeader& frame) {
  const bool may_be_padded = frame.type == FrameType::kData || CarriesHeaders(frame.type);
  if (!may_be_padded || frame.type == FrameType::kContinuation) return 0;
  std::size_t bytes = frame.has(kFlagPadded) ? 1 : 0;
  if (frame.type == FrameType::kHeaders && frame.has(kFlagPriority)) bytes += 5;
  if (frame.type == FrameType::kPushPromise) bytes += 4;
  return bytes;
}

bool CarriesHeaders(FrameType type) {
  return type == FrameType::kHeaders || type == FrameType::kContinuation ||
         type == FrameType::kPushPromise;
}

std::string_view FrameTypeName(FrameType type) {
  switch (type) {
    case FrameType::kData:
      return "DATA";
    case FrameType::kHeaders:
      return "HEADERS";
    case FrameType::kPriority:
      return "PRIORITY";
    case FrameType::kRstStream:
      return "RST_STREAM";
    case FrameType::kSettings:
      return "SETTINGS";
    case FrameType::kPushPromise:
      return "PUSH_PROMISE";
    case FrameType::kPing:
      return "PING";
    case FrameType::kGoAway:
      return "GOAWAY";
    case FrameType::kWindowUpdate:
      return "WINDOW_UPDATE";
    case FrameType::kContinuation:
      return "CONTINUATION";
    case FrameType::kAltSvc:
      return "ALTSVC";
    case FrameType::kOrigin:
      return "ORIGIN";
    case FrameType::kPriorityUpdate:
      return "PRIORITY_UPDATE";
  }
  return {};
}

}  // namespace tlscope::http2
