// SPDX-License-Identifier: Apache-2.0
#include "parsers/http2/frame_text.h"

#include <algorithm>
#include <array>
#include <cstddef>

namespace tlscope::http2 {
namespace {

struct NamedFlag {
  std::uint8_t flag;
  std::string_view name;
};

void AppendFlag(std::uint8_t& flags, NamedFlag named, std::string& out) {
  if ((flags & named.flag) == 0) return;
  if (!out.empty()) out += '|';
  out += named.name;
  flags = static_cast<std::uint8_t>(flags & ~named.flag);
}

// RFC 9113 7.
std::string ErrorText(std::uint32_t code) {
  constexpr std::array<std::string_view, 14> kNames = {"NO_ERROR",
                                                       "PROTOCOL_ERROR",
                                                       "INTERNAL_ERROR",
                                                       "FLOW_CONTROL_ERROR",
                                                       "SETTINGS_TIMEOUT",
                                                       "STREAM_CLOSED",
                                                       "FRAME_SIZE_ERROR",
                                                       "REFUSED_STREAM",
                                                       "CANCEL",
                                                       "COMPRESSION_ERROR",
                                                       "CONNECT_ERROR",
                                                       "ENHANCE_YOUR_CALM",
                                                       "INADEQUATE_SECURITY",
                                                       "HTTP_1_1_REQUIRED"};
  return code < kNames.size() ? std::string(kNames[code]) : std::to_string(code);
}

// RFC 9113 6.5.2, RFC 8441 3, RFC 9218 2.1.
std::string SettingText(std::uint32_t id) {
  constexpr std::array<std::string_view, 10> kNames = {"",
                                                       "HEADER_TABLE_SIZE",
                                                       "ENABLE_PUSH",
                                                       "MAX_CONCURRENT_STREAMS",
                                                       "INITIAL_WINDOW_SIZE",
                                                       "MAX_FRAME_SIZE",
                                                       "MAX_HEADER_LIST_SIZE",
                                                       "",
                                                       "ENABLE_CONNECT_PROTOCOL",
                                                       "NO_RFC7540_PRIORITIES"};
  const bool known = id < kNames.size() && !kNames[id].empty();
  return known ? std::string(kNames[id]) : std::to_string(id);
}

std::string SettingsText(std::string_view payload) {
  std::string out;
  for (std::size_t at = 0; at + 6 <= payload.size(); at += 6) {
    if (!out.empty()) out += ' ';
    out += SettingText(ReadUint32(payload, at) >> 16U);
    out += '=';
    out += std::to_string(ReadUint32(payload, at + 2));
  }
  return out;
}

std::string HexText(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    out += kDigits[byte >> 4U];
    out += kDigits[byte & 15U];
  }
  return out;
}

std::string GoAwayText(std::string_view payload) {
  std::string out("last_stream=");
  out += std::to_string(ReadUint32(payload, 0) & 0x7fffffffU);
  out += " error=";
  return out + ErrorText(ReadUint32(payload, 4));
}

// `payload` is long enough: the rules say how long it is.
std::string ControlText(FrameType type, std::string_view payload) {
  switch (type) {
    case FrameType::kSettings:
      return SettingsText(payload);
    case FrameType::kPing:
      return std::string("data=").append(HexText(payload));
    case FrameType::kGoAway:
      return GoAwayText(payload);
    case FrameType::kRstStream:
      return std::string("error=").append(ErrorText(ReadUint32(payload, 0)));
    case FrameType::kWindowUpdate:
      return std::string("increment=").append(std::to_string(ReadUint32(payload, 0) & 0x7fffffffU));
    case FrameType::kPriority:
      return std::string("depends_on=")
          .append(std::to_string(ReadUint32(payload, 0) & 0x7fffffffU));
    default:
      return {};
  }
}

}  // namespace

std::string FlagsText(const FrameHeader& frame) {
  std::string out;
  std::uint8_t flags = frame.flags;
  switch (frame.type) {
    case FrameType::kSettings:
    case FrameType::kPing:
      AppendFlag(flags, {kFlagAck, "ACK"}, out);
      break;
    case FrameType::kData:
    case FrameType::kHeaders:
      AppendFlag(flags, {kFlagEndStream, "END_STREAM"}, out);
      [[fallthrough]];
    case FrameType::kPushPromise:
    case FrameType::kContinuation:
      if (frame.type != FrameType::kData) AppendFlag(flags, {kFlagEndHeaders, "END_HEADERS"}, out);
      if (frame.type != FrameType::kContinuation) AppendFlag(flags, {kFlagPadded, "PADDED"}, out);
      if (frame.type == FrameType::kHeaders) AppendFlag(flags, {kFlagPriority, "PRIORITY"}, out);
      break;
    default:
      break;
  }
  if (flags != 0) {
    if (!out.empty()) out += '|';
    out += std::to_string(flags);
  }
  return out.empty() ? "-" : out;
}

std::string DetailText(const SeenFrame& frame) {
  if (frame.header.type == FrameType::kPushPromise) {
    return std::string("promised=").append(std::to_string(frame.promised_stream));
  }
  if (frame.pad_bytes != 0) return std::string("padding=").append(std::to_string(frame.pad_bytes));
  return ControlText(frame.header.type, frame.payload);
}

}  // namespace tlscope::http2
