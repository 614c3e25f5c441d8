// SPDX-License-Identifier: Apache-2.0
#include "parsers/http2/detect.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "parsers/hpack/hpack_field.h"
#include "parsers/http2/frame.h"

namespace tlscope::http2 {
namespace {

constexpr std::uint32_t kMaxSettingsBytes = 6 * 32;
constexpr std::uint32_t kMaxErrorCode = 0xd;
constexpr std::uint32_t kMaxWindow = 0x7fffffff;
constexpr std::size_t kFewFields = 3;
// A block of more fields is not looked through: it costs time, and the next frames tell as well.
constexpr std::size_t kManyFields = 256;
// Static entries up to here are pseudo-fields (RFC 7541 appendix A).
constexpr std::uint32_t kLastPseudoEntry = 14;
// More entries than a table of 64 KiB can hold.
constexpr std::uint32_t kMaxIndex = 61 + 2048;

// RFC 7540 11.3: 0xf000 and above are for experiments; gRPC has some there.
constexpr std::uint32_t kFirstExperiment = 0xf000;

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

// As many settings as have come of `length` bytes. Some of them are known if there are any.
bool AreSettings(std::string_view payload, std::uint32_t length, bool of_server) {
  bool any_known = length == 0;
  for (std::size_t at = 0; at + 6 <= payload.size(); at += 6) {
    const SettingCheck check =
        CheckSetting(ReadUint16(payload, at), ReadUint32(payload, at + 2), of_server);
    if (check == SettingCheck::kWrong) return false;
    if (check == SettingCheck::kKnown) any_known = true;
  }
  return any_known || payload.size() < length;
}

// The flags a type defines; every other bit is given.
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
  if (frame.length > (settings ? kMaxSettingsBytes : kDefaultMaxFrameBytes)) return false;
  if ((frame.flags & ~DefinedFlags(frame.type)) != 0) return false;
  const bool needs_content =
      frame.type == FrameType::kHeaders || (frame.type == FrameType::kData && frame.flags == 0);
  return ObeysRules(frame) && (!needs_content || frame.length > PrefixBytes(frame));
}

// How many bits of the frame are as they are because it is one. An empty frame gets few: zeros are
// common.
unsigned GivenBits(const FrameHeader& frame, std::uint32_t last_stream) {
  unsigned bits = 8 + (frame.stream_id != 0 && frame.stream_id == last_stream ? 31 : 0);
  switch (frame.type) {
    case FrameType::kData:
      return frame.length == 0 ? 8 : bits + 16;
    case FrameType::kHeaders:
    case FrameType::kPushPromise:
    case FrameType::kContinuation:
      return bits + 14;
    case FrameType::kPriority:
      return bits + 33;
    case FrameType::kRstStream:
      return bits + 33 + 28;
    case FrameType::kSettings:
      return bits + 12 + 7 + 32;
    case FrameType::kPing:
      return bits + 24 + 7 + 32;
    case FrameType::kGoAway:
      return bits + 10 + 8 + 32;
    case FrameType::kWindowUpdate:
      return bits + 33;
    default:
      return bits;
  }
}

// RFC 9113 6.10: a header block's frames come one after the other.
bool Follows(const FrameHeader& frame, const FrameHeader& last) {
  const bool open = CarriesHeaders(last.type) && !last.has(kFlagEndHeaders);
  return open == (frame.type == FrameType::kContinuation) &&
         (!open || frame.stream_id == last.stream_id);
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

// What IsPayloadBelievable can say more of with each byte.
bool HasFixedPayload(FrameType type) {
  return type == FrameType::kRstStream || type == FrameType::kSettings ||
         type == FrameType::kGoAway || type == FrameType::kWindowUpdate;
}

bool IsName(std::string_view name) {
  if (name.starts_with(':')) name.remove_prefix(1);
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return c > ' ' && c < 0x7f && c != ':' && (c < 'A' || c > 'Z');
  });
}

bool IsFieldBelievable(const HpackField& field) {
  if (field.index > kMaxIndex) return false;
  return field.index != 0 || field.name_is_huffman || IsName(field.name);
}

bool IsPseudo(const HpackField& field) {
  if (field.index != 0) return field.index <= kLastPseudoEntry;
  return !field.name_is_huffman && field.name.starts_with(':');
}

// A whole block that can be nothing but one.
bool IsHeaderBlock(std::string_view block) {
  std::size_t fields = 0;
  while (!block.empty()) {
    HpackField field;
    if (ScanField(block, field) != FieldScan::kField) return false;
    block.remove_prefix(field.size);
    if (field.kind == HpackField::Kind::kSizeUpdate) {
      if (fields != 0) return false;
      continue;
    }
    if (!IsFieldBelievable(field) || (fields == 0 && !IsPseudo(field))) return false;
    if (++fields > kManyFields) return false;
  }
  return fields >= kFewFields;
}

// `payload` is whole.
bool IsHeadersFrame(const FrameHeader& frame, std::string_view payload) {
  if (frame.type != FrameType::kHeaders || !frame.has(kFlagEndHeaders)) return false;
  const std::size_t padding = frame.has(kFlagPadded) ? static_cast<unsigned char>(payload[0]) : 0;
  payload.remove_prefix(PrefixBytes(frame));
  return padding <= payload.size() && IsHeaderBlock(payload.substr(0, payload.size() - padding));
}

Detection ComparePrefix(std::string_view bytes, std::string_view whole) {
  const std::size_t seen = std::min(bytes.size(), whole.size());
  if (bytes.substr(0, seen) != whole.substr(0, seen)) return Detection::kNoMatch;
  return seen == whole.size() ? Detection::kMatch : Detection::kNeedMore;
}

// A cheap look before the whole header has come: the length, then the type.
bool MayBeginFrame(std::string_view bytes) {
  if (!bytes.empty() && bytes[0] != 0) return false;
  if (bytes.size() > 1 && static_cast<unsigned char>(bytes[1]) > kDefaultMaxFrameBytes >> 8U) {
    return false;
  }
  return bytes.size() < 4 ||
         !FrameTypeName(static_cast<FrameType>(static_cast<unsigned char>(bytes[3]))).empty();
}

}  // namespace

Detection DetectClient(std::string_view bytes) { return ComparePrefix(bytes, kPreface); }

Detection DetectServer(std::string_view bytes) {
  if (!MayBeginFrame(bytes)) return Detection::kNoMatch;
  if (bytes.size() < kFrameHeaderBytes) return Detection::kNeedMore;
  const FrameHeader frame = ReadFrameHeader(bytes);
  if (frame.type != FrameType::kSettings || frame.flags != 0 || !IsBelievable(frame, bytes)) {
    return Detection::kNoMatch;
  }
  const std::string_view payload = bytes.substr(kFrameHeaderBytes, frame.length);
  if (!AreSettings(payload, frame.length, true)) return Detection::kNoMatch;
  return payload.size() == frame.length ? Detection::kMatch : Detection::kNeedMore;
}

FrameRun FindRun(std::string_view bytes) {
  constexpr FrameRun kNone{Detection::kNoMatch, 0};
  const FrameRun one_more{Detection::kNeedMore, bytes.size() + 1};
  unsigned bits = 0;
  std::size_t at = 0;
  FrameHeader last;
  while (MayBeginFrame(bytes.substr(at))) {
    const std::string_view rest = bytes.substr(at);
    if (rest.size() < kFrameHeaderBytes) return one_more;
    const FrameHeader frame = ReadFrameHeader(rest);
    if (!IsBelievable(frame, rest) || !Follows(frame, last)) return kNone;
    const std::string_view payload = rest.substr(kFrameHeaderBytes, frame.length);
    if (!IsPayloadBelievable(frame, payload)) return kNone;
    const bool whole = payload.size() == frame.length;
    // What the payload has to be counts when it is there; of DATA it may be anything.
    const bool is_data = frame.type == FrameType::kData;
    if (whole || is_data) bits += GivenBits(frame, last.stream_id);
    at += kFrameHeaderBytes + (is_data && bits >= kEnoughBits ? 0 : frame.length);
    if (bits >= kEnoughBits) return {Detection::kMatch, at};
    if (!whole) return HasFixedPayload(frame.type) ? one_more : FrameRun{Detection::kNeedMore, at};
    if (IsHeadersFrame(frame, payload)) return {Detection::kMatch, at};
    last = frame;
  }
  return kNone;
}

Detection DetectRun(std::string_view bytes) { return FindRun(bytes).detection; }

}  // namespace tlscope::http2
