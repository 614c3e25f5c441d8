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

// In quotes, what is not printable as \\xNN; `whole` false when there is more.
std::string Quoted(std::string_view text, bool whole) {
  std::string out("\"");
  for (const char c : text) {
    if (c < ' ' || c > '~') {
      out.append("\\x").append(HexText({&c, 1}));
    } else {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
  }
  return out.append(whole ? "\"" : "\"...");
}

std::string GoAwayText(const SeenFrame& frame) {
  std::string out("last_stream=");
  out += std::to_string(ReadUint32(frame.payload, 0) & 0x7fffffffU);
  out += " error=" + ErrorText(ReadUint32(frame.payload, 4));
  if (frame.header.length == 8) return out;
  return out + " debug=" + Quoted(frame.payload.substr(8), frame.is_whole());
}

// RFC 7540 6.3.
std::string PriorityText(std::string_view payload) {
  const std::uint32_t stream = ReadUint32(payload, 0);
  std::string out("depends_on=");
  out += std::to_string(stream & 0x7fffffffU);
  out += " weight=" + std::to_string(static_cast<unsigned char>(payload[4]) + 1);
  return (stream >> 31U) != 0 ? out + " exclusive" : out;
}

// RFC 9218 7.1.
std::string PriorityUpdateText(const SeenFrame& frame) {
  if (frame.payload.size() < 4) return {};
  std::string out("prioritized=");
  out += std::to_string(ReadUint32(frame.payload, 0) & 0x7fffffffU);
  return out + " priority=" + Quoted(frame.payload.substr(4), frame.is_whole());
}

// `payload` is long enough: the rules say how long it is.
std::string ControlText(const SeenFrame& frame) {
  const std::string_view payload = frame.payload;
  switch (frame.header.type) {
    case FrameType::kSettings:
      return frame.is_whole() ? SettingsText(payload) : SettingsText(payload) + " ...";
    case FrameType::kPing:
      return std::string("data=").append(HexText(payload));
    case FrameType::kGoAway:
      return GoAwayText(frame);
    case FrameType::kRstStream:
      return std::string("error=").append(ErrorText(ReadUint32(payload, 0)));
    case FrameType::kWindowUpdate:
      return std::string("increment=").append(std::to_string(ReadUint32(payload, 0) & 0x7fffffffU));
    case FrameType::kPriority:
      return PriorityText(payload);
    case FrameType::kPriorityUpdate:
      return PriorityUpdateText(frame);
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
  return ControlText(frame);
}

}  // namespace tlscope::http2
