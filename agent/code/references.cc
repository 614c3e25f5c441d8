// SPDX-License-Identifier: Apache-2.0
#include "agent/code/references.h"

#include <algorithm>
#include <cstring>
#include <span>

#include "agent/code/function_graph.h"

namespace tlscope {
namespace {

constexpr std::size_t kPieceBytes = std::size_t{1} << 18;
constexpr std::size_t kOverlap = 16;
constexpr std::uint64_t kMaxBytes = std::uint64_t{1} << 30;
constexpr std::size_t kMaxPlaces = 256;

template <class T>
T ValueAt(std::span<const std::uint8_t> bytes, std::size_t at) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

/// Whether it is made for one place in memory, so that instructions may have whole addresses in
/// them: what can be loaded anywhere is made for 0.
bool IsFixed(const ElfFile& elf) {
  return std::ranges::none_of(elf.segments(), [](const Elf64_Phdr& segment) {
    return segment.p_type == PT_LOAD && segment.p_vaddr == 0;
  });
}

/// A search through the file, piece by piece.
class Search {
 public:
  Search(const ElfFile& elf, std::uint64_t target)
      : elf_(elf), target_(target), fixed_(IsFixed(elf)) {}

  References Run() {
    for (const Elf64_Phdr& segment : elf_.segments()) {
      if (segment.p_type == PT_LOAD) Look(segment);
    }
    for (auto* const addresses : {&found_.calls, &found_.others}) {  // pieces overlap
      std::ranges::sort(*addresses);
      const auto same = std::unique(addresses->begin(), addresses->end());
      addresses->erase(same, addresses->end());
    }
    return std::move(found_);
  }

 private:
  void Look(const Elf64_Phdr& segment) {
    const bool code = (segment.p_flags & PF_X) != 0;
    std::vector<std::uint8_t> piece(kPieceBytes + kOverlap);
    for (std::uint64_t at = 0; at < segment.p_filesz; at += kPieceBytes) {
      const std::size_t size =
          static_cast<std::size_t>(std::min<std::uint64_t>(piece.size(), segment.p_filesz - at));
      const auto bytes = std::span(piece).first(size);
      bytes_read_ += size;
      if (bytes_read_ > kMaxBytes) return Elsewhere("the file is too large to be searched");
      if (!elf_.Read(segment.p_offset + at, std::as_writable_bytes(bytes))) return;
      if (code) LookInCode(segment.p_vaddr + at, bytes);
      // Linkers may put constants and relocations beside code.
      LookInData(segment.p_vaddr + at, bytes);
    }
  }

  void LookInData(std::uint64_t address, std::span<const std::uint8_t> bytes) {
    constexpr std::size_t kWord = sizeof(std::uint64_t);
    for (std::size_t i = (kWord - address % kWord) % kWord; i + kWord <= bytes.size(); i += kWord) {
      if (ValueAt<std::uint64_t>(bytes, i) == target_)
        return Elsewhere("its address is stored at " + HexText(address + i));
    }
  }

  void LookInCode(std::uint64_t address, std::span<const std::uint8_t> bytes) {
    // A jump of two bytes comes from a neighbour only.
    const bool near = target_ + 256 > address && target_ < address + bytes.size() + 256;
    for (std::size_t i = 1; i < bytes.size(); ++i) {
      if (near) LookAtDistance<std::int8_t>(address, bytes, i);
      if (i + sizeof(std::int32_t) > bytes.size()) continue;
      LookAtDistance<std::int32_t>(address, bytes, i);
      if (fixed_ && ValueAt<std::uint32_t>(bytes, i) == target_) Add(found_.others, address + i);
    }
  }

  /// At what may be the end of an instruction that names a place by its distance.
  template <class T>
  void LookAtDistance(std::uint64_t address, std::span<const std::uint8_t> bytes, std::size_t at) {
    const auto distance = static_cast<std::uint64_t>(std::int64_t{ValueAt<T>(bytes, at)});
    if (address + at + sizeof(T) + distance != target_) return;
    const std::uint8_t before = bytes[at - 1];
    if (sizeof(T) == 1 && before != 0xeb && (before & 0xf0) != 0x70) return;
    const bool call = sizeof(T) > 1 && before == 0xe8;
    Add(call ? found_.calls : found_.others, address + at - 1);
  }

  void Add(std::vector<std::uint64_t>& addresses, std::uint64_t address) {
    if (addresses.size() >= kMaxPlaces) return Elsewhere("it is referred to in too many places");
    addresses.push_back(address);
  }

  void Elsewhere(std::string what) {
    if (found_.elsewhere.empty()) found_.elsewhere = std::move(what);
  }

  const ElfFile& elf_;
  const std::uint64_t target_;
  const bool fixed_;
  std::uint64_t bytes_read_ = 0;
  References found_;
};

}  // namespace

References FindReferences(const ElfFile& elf, std::uint64_t target) {
  return Search(elf, target).Run();
}

}  // namespace tlscope
