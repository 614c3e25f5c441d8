// SPDX-License-Identifier: Apache-2.0
#include "parsers/hpack/hpack_decoder.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace tlscope::http2 {
namespace {

// In front of each block of memory: its size, and the alignment kept.
constexpr std::size_t kSizeBytes = alignof(std::max_align_t);

// A dynamic table size update (RFC 7541 6.3) to kMaxTableBytes: 31 + (65505 in groups of 7 bits).
constexpr char kFullTable[] = {'\x3f', '\xe1', '\xff', '\x03'};

// Header, name length and name of a string literal longer than a field may be.
constexpr std::size_t kMaxFieldBytes = 2 * HpackDecoder::kMaxStringBytes + 32;

std::string_view View(const std::uint8_t* bytes, std::size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

// RFC 7541 6.3.
bool IsSizeUpdate(char first) { return (static_cast<unsigned char>(first) & 0xe0U) == 0x20U; }

char FirstByte(HpackField::Kind kind) {
  if (kind == HpackField::Kind::kIncremental) return '\x40';
  return kind == HpackField::Kind::kNever ? '\x10' : '\0';
}

}  // namespace

HpackDecoder::HpackDecoder(ByteBudget& budget)
    : memory_{budget, 0}, hooks_{&memory_, &Allocate, &Free, &AllocateZeroed, &Reallocate} {}

HpackDecoder::~HpackDecoder() { Reset(); }

void HpackDecoder::Reset() {
  if (inflater_ != nullptr) nghttp2_hd_inflate_del(std::exchange(inflater_, nullptr));
  DropCarry();
  partial_ = false;
  in_block_ = false;
  at_field_ = true;
}

void* HpackDecoder::Allocate(std::size_t size, void* memory) {
  auto& account = *static_cast<Memory*>(memory);
  if (!account.budget.Take(size + kSizeBytes)) return nullptr;
  auto* block = static_cast<char*>(std::malloc(size + kSizeBytes));
  if (block == nullptr) {
    account.budget.Give(size + kSizeBytes);
    return nullptr;
  }
  account.taken_bytes += size + kSizeBytes;
  std::memcpy(block, &size, sizeof size);
  return block + kSizeBytes;
}

void HpackDecoder::Free(void* block, void* memory) {
  if (block == nullptr) return;
  auto& account = *static_cast<Memory*>(memory);
  char* const begin = static_cast<char*>(block) - kSizeBytes;
  std::size_t size = 0;
  std::memcpy(&size, begin, sizeof size);
  account.budget.Give(size + kSizeBytes);
  account.taken_bytes -= size + kSizeBytes;
  std::free(begin);
}

void* HpackDecoder::AllocateZeroed(std::size_t count, std::size_t size, void* memory) {
  if (size != 0 && count > SIZE_MAX / 2 / size) return nullptr;
  void* block = Allocate(count * size, memory);
  if (block != nullptr) std::memset(block, 0, count * size);
  return block;
}

void* HpackDecoder::Reallocate(void* block, std::size_t size, void* memory) {
  if (block == nullptr) return Allocate(size, memory);
  std::size_t old_size = 0;
  std::memcpy(&old_size, static_cast<char*>(block) - kSizeBytes, sizeof old_size);
  void* larger = Allocate(size, memory);
  if (larger == nullptr) return nullptr;
  std::memcpy(larger, block, std::min(size, old_size));
  Free(block, memory);
  return larger;
}

bool HpackDecoder::Open() {
  if (inflater_ != nullptr) return true;
  if (nghttp2_hd_inflate_new2(&inflater_, &hooks_) != 0) {
    inflater_ = nullptr;
    return false;
  }
  if (nghttp2_hd_inflate_change_table_size(inflater_, kMaxTableBytes) != 0) return false;
  return !partial_ || MakeRoom();
}

bool HpackDecoder::MakeRoom() {
  HeaderList nothing;
  nothing.Begin(0);
  return FeedWhole({kFullTable, sizeof kFullTable}, true, nothing);
}

bool HpackDecoder::Feed(std::string_view fragment, bool last, HeaderList& out) {
  if (!std::exchange(in_block_, !last)) {
    by_field_ = partial_ || (!fragment.empty() && IsSizeUpdate(fragment.front()));
  }
  if (Open() && (by_field_ ? FeedFields(fragment, last, out) : FeedWhole(fragment, last, out))) {
    return true;
  }
  Lose();
  return false;
}

void HpackDecoder::Lose() {
  Reset();
  partial_ = true;
}

bool HpackDecoder::Inflate(std::string_view bytes, bool last, HeaderList& out) {
  const auto* at = reinterpret_cast<const std::uint8_t*>(bytes.data());
  const auto* const end = at + bytes.size();
  for (;;) {
    if (at_field_) {
      at = TakeEntries(at, end, out);
      if (at == end && !last) return true;
    }
    nghttp2_nv field;
    int flags = 0;
    const auto left = static_cast<std::size_t>(end - at);
    const ssize_t used = nghttp2_hd_inflate_hd2(inflater_, &field, &flags, at, left, last ? 1 : 0);
    if (used < 0) return false;
    at += used;
    at_field_ = (flags & NGHTTP2_HD_INFLATE_EMIT) != 0 || (at_field_ && left == 0);
    if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0) {
      out.Add(View(field.name, field.namelen), View(field.value, field.valuelen),
              (field.flags & NGHTTP2_NV_FLAG_NO_INDEX) != 0);
    } else if ((flags & NGHTTP2_HD_INFLATE_FINAL) != 0 || at == end) {
      return true;
    }
  }
}

// Most fields are one byte that names an entry: faster looked up than inflated. Returns where
// another begins.
const std::uint8_t* HpackDecoder::TakeEntries(const std::uint8_t* at, const std::uint8_t* end,
                                              HeaderList& out) const {
  // RFC 7541 6.1: a bit, and an index that goes on in more bytes if all of its bits are set.
  for (; at != end && *at > 0x80U && *at < 0xffU; ++at) {
    const nghttp2_nv* entry = nghttp2_hd_inflate_get_table_entry(inflater_, *at & 0x7fU);
    if (entry == nullptr) return at;
    out.Add(View(entry->name, entry->namelen), View(entry->value, entry->valuelen), false);
  }
  return at;
}

bool HpackDecoder::FeedWhole(std::string_view bytes, bool last, HeaderList& out) {
  if (!Inflate(bytes, last, out)) return false;
  if (!last) return true;
  at_field_ = true;
  return nghttp2_hd_inflate_end_headers(inflater_) == 0;
}

bool HpackDecoder::FeedFields(std::string_view fragment, bool last, HeaderList& out) {
  FieldScan scan = FieldScan::kNeedMore;
  if (carry_.empty()) {
    const std::size_t taken = TakeFields(fragment, out, scan);
    if (scan == FieldScan::kInvalid || !Keep(fragment.substr(taken))) return false;
  } else {
    std::string held(carry_);
    held.append(fragment);
    DropCarry();
    const std::size_t taken = TakeFields(held, out, scan);
    if (scan == FieldScan::kInvalid || !Keep(std::string_view(held).substr(taken))) return false;
  }
  return !last || (carry_.empty() && FeedWhole({}, true, out));
}

bool HpackDecoder::Keep(std::string_view bytes) {
  if (bytes.size() > kMaxFieldBytes || !memory_.budget.Take(bytes.size())) return false;
  carry_ = bytes;
  return true;
}

void HpackDecoder::DropCarry() {
  memory_.budget.Give(carry_.size());
  std::string().swap(carry_);
}

// Returns how many bytes were taken; `scan` says why no more were.
std::size_t HpackDecoder::TakeFields(std::string_view bytes, HeaderList& out, FieldScan& scan) {
  std::size_t taken = 0;
  for (;;) {
    HpackField field;
    scan = ScanField(bytes.substr(taken), field);
    if (field.longest > kMaxStringBytes) scan = FieldScan::kInvalid;
    if (scan != FieldScan::kField) return taken;
    if (!FeedField(bytes.substr(taken, field.size), field, out)) {
      scan = FieldScan::kInvalid;
      return taken;
    }
    taken += field.size;
  }
}

bool HpackDecoder::FeedField(std::string_view bytes, const HpackField& field, HeaderList& out) {
  if (field.kind == HpackField::Kind::kSizeUpdate) {
    if (partial_) return true;
    if (field.index > kMaxTableBytes) {
      partial_ = true;
      return MakeRoom();
    }
  }
  if (!partial_ || field.index <= nghttp2_hd_inflate_get_num_table_entries(inflater_)) {
    return Inflate(bytes, false, out);
  }
  if (field.kind == HpackField::Kind::kIndexed) {
    out.AddUnknown(field.index);
    return true;
  }
  std::string name("<unknown:");
  name.append(std::to_string(field.index)).append(">");
  std::string replaced(1, FirstByte(field.kind));
  replaced += static_cast<char>(name.size());
  replaced += name;
  replaced += bytes.substr(field.value_begin);
  return Inflate(replaced, false, out);
}

}  // namespace tlscope::http2
