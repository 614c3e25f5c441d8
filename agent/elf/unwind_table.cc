// SPDX-License-Identifier: Apache-2.0
#include "agent/elf/unwind_table.h"

#include <algorithm>
#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>

namespace tlscope {
namespace {

// Far above what programs have: Chrome's is 20 MiB.
constexpr std::uint64_t kMaxSectionBytes = std::uint64_t{64} << 20;
constexpr std::uint64_t kMaxRows = std::uint64_t{1} << 24;
constexpr std::size_t kMaxRecords = std::size_t{1} << 19;  // read one by one: a second's work
constexpr std::size_t kMaxRecordHead = 128;                // of a record, all that is of interest

// How pointers are written (LSB 5.0 Core, 10.5.1).
constexpr std::uint8_t kOmitted = 0xff;
constexpr std::uint8_t kFormatMask = 0x0f;
constexpr std::uint8_t kRelativeMask = 0x70;
constexpr std::uint8_t kRelativeToItself = 0x10;
constexpr std::uint8_t kRelativeToIndex = 0x30;
constexpr std::uint8_t kIndirect = 0x80;
constexpr std::uint8_t kSorted4 = 0x3b;  // relative to the index, four bytes with a sign

/// Reads values one after the other from bytes loaded at an address. After a read beyond the end
/// `ok` stays false, and what was read is 0.
class Reader {
 public:
  Reader(std::span<const std::byte> bytes, std::uint64_t address)
      : bytes_(bytes), address_(address) {}

  bool ok() const { return ok_; }
  std::uint64_t address() const { return address_ + at_; }
  std::size_t at() const { return at_; }

  template <class T>
  T Take() {
    T value{};
    if (bytes_.size() - at_ < sizeof value) {
      ok_ = false;
      return value;
    }
    std::memcpy(&value, bytes_.data() + at_, sizeof value);
    at_ += sizeof value;
    return value;
  }

  std::uint64_t TakeLeb128() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; ok_ && shift < 64; shift += 7) {
      const auto byte = Take<std::uint8_t>();
      value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
      if ((byte & 0x80) == 0) return value;
    }
    ok_ = false;
    return 0;
  }

  std::string_view TakeString() {
    const char* const text = reinterpret_cast<const char*>(bytes_.data()) + at_;
    const std::size_t length = strnlen(text, bytes_.size() - at_);
    if (length == bytes_.size() - at_) ok_ = false;
    at_ += ok_ ? length + 1 : 0;
    return {text, ok_ ? length : 0};
  }

  std::uint64_t TakePointer(std::uint8_t encoding, std::uint64_t index_address = 0) {
    const std::uint64_t here = address();
    const std::uint64_t value = TakeNumber(encoding & kFormatMask);
    if ((encoding & kIndirect) != 0) ok_ = false;
    switch (encoding & kRelativeMask) {
      case 0:
        return value;
      case kRelativeToItself:
        return here + value;
      case kRelativeToIndex:
        return index_address + value;
      default:
        ok_ = false;
        return 0;
    }
  }

  std::uint64_t TakeNumber(std::uint8_t format) {
    switch (format) {
      case 0x00:  // as wide as a pointer
      case 0x04:
      case 0x0c:
        return Take<std::uint64_t>();
      case 0x02:
        return Take<std::uint16_t>();
      case 0x03:
        return Take<std::uint32_t>();
      case 0x0a:
        return static_cast<std::uint64_t>(std::int64_t{Take<std::int16_t>()});
      case 0x0b:
        return static_cast<std::uint64_t>(std::int64_t{Take<std::int32_t>()});
      default:
        ok_ = false;
        return 0;
    }
  }

 private:
  std::span<const std::byte> bytes_;
  std::uint64_t address_;
  std::size_t at_ = 0;
  bool ok_ = true;
};

/// How the functions that share a CIE write where they begin; nullopt when it is not known.
std::optional<std::uint8_t> PointerEncoding(Reader cie) {
  cie.Take<std::uint32_t>();                                // its length
  if (cie.Take<std::uint32_t>() != 0) return std::nullopt;  // 0: a CIE
  const auto version = cie.Take<std::uint8_t>();
  if (version != 1 && version != 3) return std::nullopt;
  const std::string_view augmentation = cie.TakeString();
  cie.TakeLeb128();  // code alignment
  cie.TakeLeb128();  // data alignment
  if (version == 1)
    cie.Take<std::uint8_t>();  // the register of the return address
  else
    cie.TakeLeb128();
  if (augmentation.empty()) return cie.ok() ? std::optional<std::uint8_t>(0) : std::nullopt;
  if (augmentation.front() != 'z') return std::nullopt;
  cie.TakeLeb128();
  std::uint8_t encoding = 0;
  for (const char letter : augmentation.substr(1)) {
    if (letter == 'R') encoding = cie.Take<std::uint8_t>();
    if (letter == 'L') cie.Take<std::uint8_t>();
    if (letter == 'P') cie.TakeNumber(cie.Take<std::uint8_t>() & kFormatMask);
  }
  return cie.ok() ? std::optional(encoding) : std::nullopt;
}

/// What the file has at an address, up to `out`'s size.
std::span<const std::byte> ReadAt(const ElfFile& elf, std::uint64_t address,
                                  std::span<std::byte> out) {
  const auto offset = elf.Offset(address);
  for (std::size_t size = offset ? out.size() : 0; size > 0; size /= 2) {
    if (elf.Read(*offset, out.first(size))) return out.first(size);
  }
  return {};
}

/// The function that the FDE at `address` is of.
std::optional<CodeRange> RangeOfFde(const ElfFile& elf, std::uint64_t address) {
  std::byte fde_bytes[kMaxRecordHead];
  Reader fde(ReadAt(elf, address, fde_bytes), address);
  const auto length = fde.Take<std::uint32_t>();
  if (length == 0 || length == 0xffffffff) return std::nullopt;  // the end; 64 bits, never seen
  const std::uint64_t here = fde.address();
  const auto to_cie = fde.Take<std::uint32_t>();
  if (to_cie == 0) return std::nullopt;  // a CIE itself
  std::byte cie_bytes[kMaxRecordHead];
  const auto encoding =
      PointerEncoding(Reader(ReadAt(elf, here - to_cie, cie_bytes), here - to_cie));
  if (!encoding || *encoding == kOmitted) return std::nullopt;
  const std::uint64_t begin = fde.TakePointer(*encoding);
  const std::uint64_t size = fde.TakeNumber(*encoding & kFormatMask);
  if (!fde.ok() || size == 0 || begin + size < begin) return std::nullopt;
  return CodeRange{begin, begin + size};
}

}  // namespace

struct UnwindTable::Row {
  std::uint64_t begin;
  std::uint64_t fde;
};

UnwindTable::UnwindTable(const ElfFile& elf) : elf_(elf) {
  if (!OpenIndex()) ReadRecords();
}

bool UnwindTable::OpenIndex() {
  const auto& segments = elf_.segments();
  const auto segment =
      std::ranges::find(segments, Elf64_Word{PT_GNU_EH_FRAME}, &Elf64_Phdr::p_type);
  if (segment == segments.end()) return false;
  std::byte head[32];
  Reader reader(ReadAt(elf_, segment->p_vaddr, head), segment->p_vaddr);
  if (reader.Take<std::uint8_t>() != 1) return false;  // the version
  const auto frames_encoding = reader.Take<std::uint8_t>();
  const auto count_encoding = reader.Take<std::uint8_t>();
  if (reader.Take<std::uint8_t>() != kSorted4) return false;  // what all linkers write
  reader.TakeNumber(frames_encoding & kFormatMask);
  const std::uint64_t count = reader.TakeNumber(count_encoding & kFormatMask);
  const auto rows = elf_.Offset(segment->p_vaddr + reader.at());
  if (!reader.ok() || !rows || count == 0) return false;
  index_address_ = segment->p_vaddr;
  rows_offset_ = *rows;
  rows_ = std::min(count, kMaxRows);
  return true;
}

std::optional<UnwindTable::Row> UnwindTable::RowAt(std::uint64_t index) const {
  std::int32_t words[2];
  if (!elf_.Read(rows_offset_ + index * sizeof words, std::as_writable_bytes(std::span(words))))
    return std::nullopt;
  const auto address = [this](std::int32_t relative) {
    return index_address_ + static_cast<std::uint64_t>(std::int64_t{relative});
  };
  return Row{address(words[0]), address(words[1])};
}

void UnwindTable::ReadRecords() {
  const Elf64_Shdr* const section = elf_.FindSection(".eh_frame");
  if (section == nullptr || section->sh_type == SHT_NOBITS) return;
  const std::uint64_t size = std::min(section->sh_size, kMaxSectionBytes);
  std::uint64_t at = 0;
  for (std::size_t i = 0; i < kMaxRecords && at < size; ++i) {
    std::uint32_t length = 0;
    if (!elf_.Read(section->sh_offset + at, std::as_writable_bytes(std::span(&length, 1)))) break;
    if (length == 0 || length == 0xffffffff) break;
    if (const auto range = RangeOfFde(elf_, section->sh_addr + at)) ranges_.push_back(*range);
    at += sizeof length + length;
  }
  std::ranges::sort(ranges_, {}, &CodeRange::begin);
}

std::optional<CodeRange> UnwindTable::Find(std::uint64_t address) const {
  if (rows_ == 0) {
    const auto after = std::ranges::upper_bound(ranges_, address, {}, &CodeRange::begin);
    if (after == ranges_.begin() || !std::prev(after)->Holds(address)) return std::nullopt;
    return *std::prev(after);
  }
  std::uint64_t first = 0;  // the last row that begins at or before the address is in [first, end)
  for (std::uint64_t end = rows_; end - first > 1;) {
    const std::uint64_t middle = first + (end - first) / 2;
    const auto row = RowAt(middle);
    if (!row) return std::nullopt;
    (row->begin <= address ? first : end) = middle;
  }
  const auto row = RowAt(first);
  const auto range = row ? RangeOfFde(elf_, row->fde) : std::nullopt;
  if (!range || range->begin != row->begin || !range->Holds(address)) return std::nullopt;
  return range;
}

}  // namespace tlscope
