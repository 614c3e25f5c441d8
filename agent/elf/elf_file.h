// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <elf.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace tlscope {

/// A 64-bit little-endian ELF image, in a file or in memory, read piece by piece: only what is
/// asked for is touched. It may be hostile; nothing it says is trusted beyond its own size.
class ElfFile {
 public:
  /// Of the file behind `fd`, borrowed. nullopt when it is no such image.
  static std::optional<ElfFile> OfDescriptor(int fd);

  /// Of bytes in memory, borrowed. nullopt when they are no such image.
  static std::optional<ElfFile> OfMemory(std::span<const std::byte> bytes);

  const std::vector<Elf64_Shdr>& sections() const { return sections_; }

  /// The first section of this name; nullptr if there is none.
  const Elf64_Shdr* FindSection(std::string_view name) const;

  /// Fills `out` from `offset` on; false when the image ends before that.
  bool Read(std::uint64_t offset, std::span<std::byte> out) const;

  /// Hands over a section's bytes in pieces, in order, each with its place in the section, and with
  /// at least `overlap` bytes of the piece before it once more (all of it, when it was shorter).
  /// Stops early when `on_piece` returns false, or where the image ends.
  void ForEachPiece(
      const Elf64_Shdr& section, std::size_t overlap,
      const std::function<bool(std::uint64_t, std::span<const std::byte>)>& on_piece) const;

  /// Where in the file the code at a virtual address lies, which is what a uprobe is placed by: the
  /// segment that maps the address says so (elf(5), p_vaddr and p_offset).
  std::optional<std::uint64_t> CodeOffset(std::uint64_t address) const;

  /// The virtual address of the code at an offset in the file.
  std::optional<std::uint64_t> CodeAddress(std::uint64_t offset) const;

  /// Where in the file whatever is loaded at a virtual address lies, code or not.
  std::optional<std::uint64_t> Offset(std::uint64_t address) const;

  const std::vector<Elf64_Phdr>& segments() const { return segments_; }

  /// Bytes of code the file says it has.
  std::uint64_t CodeBytes() const;

 private:
  ElfFile(int fd, std::span<const std::byte> bytes, std::uint64_t size)
      : fd_(fd), bytes_(bytes), size_(size) {}
  static std::optional<ElfFile> Parse(ElfFile file);
  void ReadSections(const Elf64_Ehdr& header);
  void ReadSegments(const Elf64_Ehdr& header);
  std::optional<std::uint64_t> OffsetIn(const Elf64_Phdr& segment, std::uint64_t address) const;

  int fd_;  ///< -1: in memory
  std::span<const std::byte> bytes_;
  std::uint64_t size_;
  std::vector<Elf64_Shdr> sections_;
  std::vector<Elf64_Phdr> segments_;
  std::uint32_t names_section_ = 0;
};

}  // namespace tlscope
