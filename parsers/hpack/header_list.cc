// SPDX-License-Identifier: Apache-2.0
#include "parsers/hpack/header_list.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <utility>

namespace tlscope::http2 {
namespace {

constexpr std::string_view kLineEnd = "\r\n";
constexpr std::string_view kBroken = "<the rest of the header block cannot be decoded>\r\n";
constexpr std::size_t kMaxNeverIndexedBytes = 1024;
constexpr std::size_t kFirstBytes = 1024;

// Of 16 or 8 bytes at once: which are below 0x20. GCC and Clang have such types on every machine.
using Bytes16 [[gnu::vector_size(16)]] = unsigned char;
using Words16 [[gnu::vector_size(16)]] = std::uint64_t;
using Bytes8 [[gnu::vector_size(8)]] = unsigned char;

std::uint64_t ControlsIn16(const char* at) {
  Bytes16 bytes;
  std::memcpy(&bytes, at, sizeof bytes);
  const auto words = reinterpret_cast<Words16>(bytes < ' ');
  return words[0] | words[1];
}

std::uint64_t ControlsIn8(const char* at) {
  Bytes8 bytes;
  std::memcpy(&bytes, at, sizeof bytes);
  return reinterpret_cast<std::uint64_t>(bytes < ' ');
}

// Lines are short, and this is most of what they cost.
bool HasControl(const char* at, std::size_t size) {
  std::uint64_t found = 0;
  if (size < 8) {
    for (; size != 0; --size) found |= static_cast<unsigned char>(*at++) < ' ' ? 1U : 0U;
    return found != 0;
  }
  if (size < 16) return (ControlsIn8(at) | ControlsIn8(at + size - 8)) != 0;
  const char* const last = at + size - 16;
  for (; at < last; at += 16) found |= ControlsIn16(at);
  return (found | ControlsIn16(last)) != 0;
}

bool HasControl(std::string_view text) { return HasControl(text.data(), text.size()); }

bool BreaksLines(char c) { return c == '\r' || c == '\n' || c == '\0'; }

std::string Escaped(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  for (const char c : text) {
    if (BreaksLines(c)) {
      out += "\\x0";
      out += kDigits[static_cast<unsigned char>(c)];
    } else {
      out += c;
    }
  }
  return out;
}

template <class T>
T Number(std::string_view text) {
  T value = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = result.ec == std::errc() && result.ptr == text.data() + text.size();
  return whole ? value : T{0};
}

}  // namespace

void HeaderList::Begin(std::uint64_t limit) {
  limit_ = limit;
  size_ = 0;
  cut_bytes_ = 0;
  broken_ = false;
  first_ = true;
  kind_ = Kind::kUnknown;
  never_indexed_.clear();
  status_ = 0;
  content_length_ = 0;
  pending_value_ = Span();
  method_ = path_ = authority_ = protocol_ = content_type_ = content_encoding_ = grpc_encoding_ =
      Span();
}

void HeaderList::Enlarge(std::size_t bytes) {
  text_.resize(std::max({size_ + bytes, 2 * text_.size(), kFirstBytes}));
}

inline char* HeaderList::Grow(std::size_t bytes) {
  if (text_.size() - size_ < bytes) Enlarge(bytes);
  char* place = text_.data() + size_;
  size_ += bytes;
  return place;
}

inline HeaderList::Span HeaderList::AppendLine(std::string_view name, std::string_view value) {
  const std::size_t bytes = name.size() + value.size() + 4;
  if (cut_bytes_ != 0 || bytes > limit_ - std::min<std::uint64_t>(limit_, size_)) {
    // Not even looked at: a byte of a block can stand for a field of 64 KiB.
    cut_bytes_ += bytes;
    return {};
  }
  char* place = Grow(bytes);
  std::memcpy(place, name.data(), name.size());
  place += name.size();
  *place++ = ':';
  *place++ = ' ';
  if (!value.empty()) std::memcpy(place, value.data(), value.size());
  place += value.size();
  *place++ = '\r';
  *place = '\n';
  return {size_ - kLineEnd.size() - value.size(), value.size()};
}

// A line is looked at when the next one comes: reading what was just written stalls.
void HeaderList::Add(std::string_view name, std::string_view value, bool never_indexed) {
  Settle();
  const std::size_t begin = size_;
  const Span span = AppendLine(name, value);
  if (size_ != begin) {
    pending_name_ = {begin, name.size()};
    pending_value_ = span;
  } else {
    Note(name, value, span);
  }
  if (never_indexed) NoteNeverIndexed(name);
}

void HeaderList::Settle() {
  if (pending_value_.begin == 0) return;
  Span span = std::exchange(pending_value_, Span());
  const std::size_t begin = pending_name_.begin;
  if (!HasControl(text_.data() + begin, size_ - begin - kLineEnd.size())) {
    Note(Of(pending_name_), Of(span), span);
    return;
  }
  const std::string name(Of(pending_name_));
  const std::string value(Of(span));
  size_ = begin;
  span = AppendLine(Escaped(name), Escaped(value));
  Note(name, value, span);
}

void HeaderList::AddUnknown(std::uint64_t index) {
  Settle();
  first_ = false;
  std::string line("<unknown:");
  line.append(std::to_string(index)).append(">\r\n");
  if (cut_bytes_ != 0 || line.size() > limit_ - std::min<std::uint64_t>(limit_, size_)) {
    cut_bytes_ += line.size();
    return;
  }
  std::memcpy(Grow(line.size()), line.data(), line.size());
}

void HeaderList::Break() {
  Settle();
  if (!broken_) std::memcpy(Grow(kBroken.size()), kBroken.data(), kBroken.size());
  broken_ = true;
}

void HeaderList::End() {
  Settle();
  if (cut_bytes_ != 0) AppendCut();
  std::memcpy(Grow(kLineEnd.size()), kLineEnd.data(), kLineEnd.size());
  size_ -= kLineEnd.size();
}

void HeaderList::AppendCut() {
  std::string line("<");
  line.append(std::to_string(cut_bytes_)).append(" bytes of header fields cut>\r\n");
  std::memcpy(Grow(line.size()), line.data(), line.size());
}

void HeaderList::Note(std::string_view name, std::string_view value, const Span& span) {
  if (!name.empty() && name.front() == ':') {
    NotePseudo(name, value, span);
  } else if (first_ && !name.starts_with('<')) {
    kind_ = Kind::kTrailers;
  }
  first_ = false;
  switch (name.size()) {
    case 12:
      if (name == "content-type") content_type_ = span;
      break;
    case 13:
      if (name == "grpc-encoding") grpc_encoding_ = span;
      break;
    case 14:
      if (name == "content-length") content_length_ = Number<std::uint64_t>(value);
      break;
    case 16:
      if (name == "content-encoding") content_encoding_ = span;
      break;
    default:
      break;
  }
}

void HeaderList::NotePseudo(std::string_view name, std::string_view value, const Span& span) {
  if (name == ":status") {
    status_ = Number<std::uint16_t>(value);
    kind_ = Kind::kResponse;
    return;
  }
  if (name == ":method") {
    method_ = span;
  } else if (name == ":path") {
    path_ = span;
  } else if (name == ":authority") {
    authority_ = span;
  } else if (name == ":protocol") {
    protocol_ = span;
  } else if (name != ":scheme") {
    return;
  }
  kind_ = Kind::kRequest;
}

void HeaderList::NoteNeverIndexed(std::string_view name) {
  if (never_indexed_.size() + name.size() > kMaxNeverIndexedBytes) return;
  if (!never_indexed_.empty()) never_indexed_ += ", ";
  never_indexed_ += HasControl(name) ? Escaped(name) : std::string(name);
}

void HeaderList::ReleaseMemory() {
  std::string().swap(text_);
  std::string().swap(never_indexed_);
  Begin(limit_);
}

}  // namespace tlscope::http2
