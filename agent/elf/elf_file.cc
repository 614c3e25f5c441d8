// SPDX-License-Identifier: Apache-2.0
#include "agent/elf/elf_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

namespace tlscope {
namespace {

constexpr std::size_t kPieceBytes = std::size_t{1} << 16;
constexpr std::size_t kNameBytes = 64;  // longer section names are none we look for

bool IsNative64(const Elf64_Ehdr& header) {
  return std::memcmp(header.e_ident, ELFMAG, SELFMAG) == 0 &&
         header.e_ident[EI_CLASS] == ELFCLASS64 && header.e_ident[EI_DATA] == ELFDATA2LSB;
}

bool IsCode(const Elf64_Phdr& segment) {
  return segment.p_type == PT_LOAD && (segment.p_flags & PF_X) != 0;
}

template <class T>
std::span<std::byte> BytesOf(std::vector<T>& values) {
  return std::as_writable_bytes(std::span(values));
}

}  // namespace

std::optional<ElfFile> ElfFile::OfDescriptor(int fd) {
  struct stat status {};
  if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  return Parse(ElfFile(fd, {}, static_cast<std::uint64_t>(status.st_size)));
}

std::optional<ElfFile> ElfFile::OfMemory(std::span<const std::byte> bytes) {
  return Parse(ElfFile(-1, bytes, bytes.size()));
}

std::optional<ElfFile> ElfFile::Parse(ElfFile file) {
  Elf64_Ehdr header;
  if (!file.Read(0, std::as_writable_bytes(std::span(&header, 1))) || !IsNative64(header))
    return std::nullopt;
  file.ReadSections(header);
  file.ReadSegments(header);
  return file;
}

void ElfFile::ReadSections(const Elf64_Ehdr& header) {
  if (header.e_shentsize != sizeof(Elf64_Shdr)) return;
  // e_shnum is 16 bits wide, and so is all that is allocated here. More sections (elf(5), e_shnum
  // of 0) come from compilers with a section per function, not from linkers.
  std::vector<Elf64_Shdr> sections(header.e_shnum);
  if (!Read(header.e_shoff, BytesOf(sections))) return;
  sections_ = std::move(sections);
  names_section_ = header.e_shstrndx;
}

void ElfFile::ReadSegments(const Elf64_Ehdr& header) {
  if (header.e_phentsize != sizeof(Elf64_Phdr)) return;
  std::vector<Elf64_Phdr> segments(header.e_phnum);
  if (Read(header.e_phoff, BytesOf(segments))) segments_ = std::move(segments);
}

bool ElfFile::Read(std::uint64_t offset, std::span<std::byte> out) const {
  if (offset > size_ || out.size() > size_ - offset) return false;
  if (out.empty()) return true;
  if (fd_ < 0) {
    std::memcpy(out.data(), bytes_.data() + offset, out.size());
    return true;
  }
  while (!out.empty()) {
    const ssize_t got = pread(fd_, out.data(), out.size(), static_cast<off_t>(offset));
    if (got <= 0) return false;  // cut short since it was opened
    offset += static_cast<std::uint64_t>(got);
    out = out.subspan(static_cast<std::size_t>(got));
  }
  return true;
}

const Elf64_Shdr* ElfFile::FindSection(std::string_view name) const {
  if (names_section_ >= sections_.size() || name.size() >= kNameBytes) return nullptr;
  const Elf64_Shdr& names = sections_[names_section_];
  for (const Elf64_Shdr& section : sections_) {
    char text[kNameBytes];
    const auto bytes = std::as_writable_bytes(std::span(text)).first(name.size() + 1);
    if (section.sh_name >= names.sh_size || names.sh_size - section.sh_name < bytes.size())
      continue;
    if (!Read(names.sh_offset + section.sh_name, bytes)) continue;
    if (text[name.size()] == '\0' && std::string_view(text, name.size()) == name) return &section;
  }
  return nullptr;
}

void ElfFile::ForEachPiece(
    const Elf64_Shdr& section, std::size_t overlap,
    const std::function<bool(std::uint64_t, std::span<const std::byte>)>& on_piece) const {
  if (section.sh_type == SHT_NOBITS || section.sh_offset > size_) return;
  const std::uint64_t end = std::min(section.sh_size, size_ - section.sh_offset);
  std::vector<std::byte> piece(
      static_cast<std::size_t>(std::min<std::uint64_t>(kPieceBytes + overlap, end)));
  std::uint64_t at = 0;
  while (at < end) {
    const std::size_t size =
        static_cast<std::size_t>(std::min<std::uint64_t>(piece.size(), end - at));
    const std::span<std::byte> bytes = std::span(piece).first(size);
    if (!Read(section.sh_offset + at, bytes) || !on_piece(at, bytes)) return;
    if (at + size == end) return;
    at += size - overlap;
  }
}

std::optional<std::uint64_t> ElfFile::CodeOffset(std::uint64_t address) const {
  for (const Elf64_Phdr& segment : segments_) {
    if (!IsCode(segment)) continue;
    if (const auto offset = OffsetIn(segment, address)) return offset;
  }
  return std::nullopt;
}

std::optional<std::uint64_t> ElfFile::CodeAddress(std::uint64_t offset) const {
  for (const Elf64_Phdr& segment : segments_) {
    if (!IsCode(segment) || offset < segment.p_offset) continue;
    if (offset - segment.p_offset >= segment.p_filesz) continue;
    const std::uint64_t address = offset - segment.p_offset + segment.p_vaddr;
    if (CodeOffset(address) == offset) return address;
  }
  return std::nullopt;
}

std::optional<std::uint64_t> ElfFile::Offset(std::uint64_t address) const {
  for (const Elf64_Phdr& segment : segments_) {
    if (segment.p_type != PT_LOAD) continue;
    if (const auto offset = OffsetIn(segment, address)) return offset;
  }
  return std::nullopt;
}

std::optional<std::uint64_t> ElfFile::OffsetIn(const Elf64_Phdr& segment,
                                               std::uint64_t address) const {
  if (address < segment.p_vaddr || address - segment.p_vaddr >= segment.p_filesz)
    return std::nullopt;
  const std::uint64_t offset = address - segment.p_vaddr + segment.p_offset;
  if (offset >= size_) return std::nullopt;
  return offset;
}

std::uint64_t ElfFile::CodeBytes() const {
  std::uint64_t bytes = 0;
  for (const Elf64_Phdr& segment : segments_) bytes += IsCode(segment) ? segment.p_filesz : 0;
  return bytes;
}

}  // namespace tlscope
