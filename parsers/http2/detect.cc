// SPDX-License-Identifier: Apache-2.0
#include "parsers/http2/detect.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "parsers/hpack/hpack_field.h"
#include "parsers/http2/frame.h"
#include "parsers/http2/frame_evidence.h"

namespace tlscope::http2 {
namespace {

constexpr std::size_t kFewFields = 3;
// A block of more fields is not looked through: it costs time, and the next frames tell as well.
constexpr std::size_t kManyFields = 256;
// Static entries up to here are pseudo-fields (RFC 7541 appendix A).
constexpr std::uint32_t kLastPseudoEntry = 14;
// More entries than a table of 64 KiB can hold.
constexpr std::uint32_t kMaxIndex = 61 + 2048;

// RFC 9113 6.10: a header block's frames come one after the other.
bool Follows(const FrameHeader& frame, const FrameHeader& last) {
  const bool open = CarriesHeaders(last.type) && !last.has(kFlagEndHeaders);
  return open == (frame.type == FrameType::kContinuation) &&
         (!open || frame.stream_id == last.stream_id);
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
    if (!whole) {
      return HasCheckedPayload(frame.type) ? one_more : FrameRun{Detection::kNeedMore, at};
    }
    if (IsHeadersFrame(frame, payload)) return {Detection::kMatch, at};
    last = frame;
  }
  return kNone;
}

Detection DetectRun(std::string_view bytes) { return FindRun(bytes).detection; }

}  // namespace tlscope::http2
