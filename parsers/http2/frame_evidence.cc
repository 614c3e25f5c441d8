// SPDX-License-Identifier: Apache-2.0
#include "parsers/http2/frame_evidence.h"

#include <cstddef>

namespace tlscope::http2 {
namespace {

constexpr std::uint32_t kMaxWindow = 0x7fffffff;
// RFC 7540 11.3: 0xf000 and above are for experiments; gRPC has some there.
constexpr std::uint32_t kFirstExperiment = 0xf000;

// draft-bishop-httpbis-grease 2: settings and frames that say nothing, of which Chrome sends some.
bool IsGreased(std::uint32_t id) { return (id & 0x0f0fU) == 0x0a0aU; }

std::uint32_t ReadUint16(std::string_view bytes, std::size_t at) {
  return ReadUint32(bytes, at) >> 16U;
}

enum class SettingCheck : std::uint8_t { kKnown, kUnknown, kWrong };

SettingCheck Known(bool allowed) { return allowed ? SettingCheck::kKnown : SettingCheck::kWrong; }

// RFC 9113 6.5.2, RFC 8441 3, RFC 9218 2.1.
SettingCheck CheckSetting(std::uint32_t id, std::uint32_t value, bool of_server) {
  switch (id) {
    case 0:
      return SettingCheck::kWrong;
    case 1:
    case 3:
    case 6:
      return SettingCheck::kKnown;
    case 2:
      return Known(value == 0 || (value == 1 && !of_server));
    case 4:
      return Known(value <= kMaxWindow);
    case 5:
      return Known(value >= kDefaultMaxFrameBytes && value < 1U << 24U);
    case 8:
    case 9:
      return Known(value <= 1);
    default:
      // RFC 9113 5.5: extensions may add settings, and what is not known is to be ignored.
      return IsGreased(id) || id >= kFirstExperiment ? SettingCheck::kKnown
                                                     : SettingCheck::kUnknown;
  }
}

}  // namespace

bool AreSettings(std::string_view payload, std::uint32_t length, bool of_server) {
  bool any_known = length == 0;
  for (std::size_t at = 0; at + kSettingBytes <= payload.size(); at += kSettingBytes) {
    const SettingCheck check =
        CheckSetting(ReadUint16(payload, at), ReadUint32(payload, at + 2), of_server);
    if (check == SettingCheck::kWrong) return false;
    if (check == SettingCheck::kKnown) any_known = true;
  }
  return any_known || payload.size() < length;
}

std::uint8_t DefinedFlags(FrameType type) {
  switch (type) {
    case FrameType::kData:
      return kFlagEndStream | kFlagPadded;
    case FrameType::kHeaders:
      return kFlagEndStream | kFlagEndHeaders | kFlagPadded | kFlagPriority;
    case FrameType::kPushPromise:
      return kFlagEndHeaders | kFlagPadded;
    case FrameType::kContinuation:
      return kFlagEndHeaders;
    case FrameType::kSettings:
    case FrameType::kPing:
      return kFlagAck;
    default:
      return 0;
  }
}

bool IsBelievable(const FrameHeader& frame, std::string_view header) {
  const bool reserved_bit = (static_cast<unsigned char>(header[5]) & 0x80U) != 0;
  if (reserved_bit || FrameTypeName(frame.type).empty()) return false;
  const bool settings = frame.type == FrameType::kSettings;
  if (frame.length > (settings ? kMaxSettings * kSettingBytes : kDefaultMaxFrameBytes)) {
    return false;
  }
  if ((frame.flags & ~DefinedFlags(frame.type)) != 0) return false;
  const bool needs_content =
      frame.type == FrameType::kHeaders || (frame.type == FrameType::kData && frame.flags == 0);
  return ObeysRules(frame) && (!needs_content || frame.length > PrefixBytes(frame));
}

bool IsPayloadBelievable(const FrameHeader& frame, std::string_view payload) {
  switch (frame.type) {
    case FrameType::kRstStream:
      return payload.size() < 4 || ReadUint32(payload, 0) <= kMaxErrorCode;
    case FrameType::kSettings:
      return AreSettings(payload, frame.length, false);
    case FrameType::kGoAway:
      return payload.size() < 8 || ReadUint32(payload, 4) <= kMaxErrorCode;
    case FrameType::kWindowUpdate:
      return payload.size() < 4 || (ReadUint32(payload, 0) - 1 < kMaxWindow);
    default:
      return true;
  }
}

bool HasCheckedPayload(FrameType type) {
  return type == FrameType::kRstStream || type == FrameType::kSettings ||
         type == FrameType::kGoAway || type == FrameType::kWindowUpdate;
}

unsigned GivenBits(const FrameHeader& frame, std::uint32_t last_stream) {
  const Evidence& of = kEvidence;
  const bool same = frame.stream_id != 0 && frame.stream_id == last_stream;
  const unsigned least = of.type + (same ? of.same_stream : 0);
  const auto flags = BitsGiven(8, std::uint64_t{1} << std::popcount(DefinedFlags(frame.type)));
  const unsigned header = least + of.reserved_bit + flags;
  switch (frame.type) {
    case FrameType::kData:
      return frame.length == 0 ? of.type : header + of.any_length;
    case FrameType::kHeaders:
    case FrameType::kPushPromise:
    case FrameType::kContinuation:
      return header + of.any_length;
    case FrameType::kPriority:
    case FrameType::kWindowUpdate:
      return header + of.one_length;
    case FrameType::kRstStream:
      return header + of.one_length + of.error_code;
    case FrameType::kSettings:
      return header + of.settings_length + of.connection_stream;
    case FrameType::kPing:
      return header + of.one_length + of.connection_stream;
    case FrameType::kGoAway:
      return header + of.any_length + of.connection_stream + of.error_code;
    case FrameType::kAltSvc:
    case FrameType::kOrigin:
    case FrameType::kPriorityUpdate:
      break;
  }
  return least;
}

}  // namespace tlscope::http2
