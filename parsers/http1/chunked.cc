// SPDX-License-Identifier: Apache-2.0
#include "parsers/http1/chunked.h"

#include <algorithm>

namespace tlscope::http1 {
namespace {

// The most that another digit fits behind: sizes have 64 bits. A recipient must expect large ones
// and not overflow (RFC 9112 7.1).
constexpr std::uint64_t kMaxBeforeLastDigit = ~std::uint64_t{0} >> 4U;

// A size line with its extensions, a trailer line: longer ones are no lines (RFC 9112 7.1.1).
constexpr std::size_t kMaxLineBytes = 64U << 10;

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string_view WithoutCr(std::string_view line) {
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  return line;
}

}  // namespace

std::optional<std::uint64_t> ParseChunkSize(std::string_view line) {
  std::uint64_t size = 0;
  std::size_t digits = 0;
  for (; digits < line.size(); ++digits) {
    const int value = HexValue(line[digits]);
    if (value < 0) break;
    if (size > kMaxBeforeLastDigit) return std::nullopt;
    size = size << 4U | static_cast<std::uint64_t>(value);
  }
  if (digits == 0) return std::nullopt;
  // Some servers pad the size with blanks; an extension begins with ";".
  const std::string_view rest = Trim(line.substr(digits));
  if (!rest.empty() && rest.front() != ';') return std::nullopt;
  return size;
}

ChunkedDecoder::Result ChunkedDecoder::Read(std::string_view bytes, MessageBuilder& out) {
  std::size_t at = 0;
  while (at < bytes.size()) {
    if (state_ == State::kData) {
      const std::size_t piece = std::min<std::uint64_t>(remaining_, bytes.size() - at);
      out.Append(bytes.substr(at, piece), out.message().body.size() + remaining_);
      remaining_ -= piece;
      at += piece;
      if (remaining_ == 0) state_ = State::kDataEnd;
      continue;
    }
    const std::size_t end = bytes.find('\n', at + scanned_);
    if (end == std::string_view::npos) {
      scanned_ = bytes.size() - at;
      return {at, scanned_ > kMaxLineBytes ? Status::kBroken : Status::kNeedMore};
    }
    scanned_ = 0;
    const std::string_view with_end = bytes.substr(at, end + 1 - at);
    if (with_end.size() > kMaxLineBytes) return {at, Status::kBroken};
    switch (OnLine(WithoutCr(bytes.substr(at, end - at)), with_end, out)) {
      case Line::kTaken:
        break;
      case Line::kLast:
        return {end + 1, Status::kDone};
      case Line::kBroken:
        return {at, Status::kBroken};
    }
    at = end + 1;
  }
  return {at, Status::kNeedMore};
}

ChunkedDecoder::Line ChunkedDecoder::OnLine(std::string_view text, std::string_view with_end,
                                            MessageBuilder& out) {
  if (state_ == State::kDataEnd) {
    state_ = State::kSize;
    return text.empty() ? Line::kTaken : Line::kBroken;
  }
  if (state_ == State::kTrailers) {
    if (text.empty()) return Line::kLast;
    const bool fits = IsFold(text) || FieldNameLength(role_, text) != 0;
    return fits && out.AppendTrailer(with_end) ? Line::kTaken : Line::kBroken;
  }
  const std::optional<std::uint64_t> size = ParseChunkSize(text);
  if (!size) return Line::kBroken;
  remaining_ = *size;
  state_ = remaining_ == 0 ? State::kTrailers : State::kData;
  return Line::kTaken;
}

bool ChunkedDecoder::Skip(std::uint64_t bytes) {
  if (state_ != State::kData || bytes > remaining_) return false;
  remaining_ -= bytes;
  if (remaining_ == 0) state_ = State::kDataEnd;
  return true;
}

}  // namespace tlscope::http1
