// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <elf.h>
#include <lzma.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

namespace tlscope {

/// Makes small ELF files: a segment of code, tables of symbols, other sections. What it makes can
/// be spoilt by the caller, who gets at every header.
class ElfImage {
 public:
  ElfImage() { AddSection("", SHT_NULL, {}); }

  struct Symbol {
    std::string name;
    std::uint64_t address;
    std::uint16_t section = 1;  ///< SHN_UNDEF: imported
    std::uint8_t type = STT_FUNC;
  };

  /// A table and the strings it refers to, with a NUL between them as linkers make them.
  ElfImage& AddSymbols(std::uint32_t type, const std::vector<Symbol>& symbols) {
    std::string strings(1, '\0');
    std::string table(sizeof(Elf64_Sym), '\0');
    for (const Symbol& symbol : symbols) {
      Elf64_Sym entry{};
      entry.st_name = static_cast<Elf64_Word>(strings.size());
      entry.st_info = ELF64_ST_INFO(STB_GLOBAL, symbol.type);
      entry.st_shndx = symbol.section;
      entry.st_value = symbol.address;
      table.append(reinterpret_cast<const char*>(&entry), sizeof entry);
      strings += symbol.name + '\0';
    }
    AddSection(type == SHT_DYNSYM ? ".dynsym" : ".symtab", type, table);
    sections.back().sh_entsize = sizeof(Elf64_Sym);
    sections.back().sh_link = static_cast<Elf64_Word>(sections.size());
    return AddSection(type == SHT_DYNSYM ? ".dynstr" : ".strtab", SHT_STRTAB, strings);
  }

  ElfImage& AddSection(const std::string& name, std::uint32_t type, const std::string& content) {
    Elf64_Shdr section{};
    section.sh_name = static_cast<Elf64_Word>(names_.size());
    section.sh_type = type;
    section.sh_offset = kContents + contents_.size();
    section.sh_size = content.size();
    names_ += name + '\0';
    contents_ += content;
    sections.push_back(section);
    return *this;
  }

  /// The file. Code at address 0x400000 + n lies at offset n.
  std::string Bytes() const {
    ElfImage whole = *this;
    whole.AddSection(".shstrtab", SHT_STRTAB, names_ + ".shstrtab" + '\0');
    Elf64_Ehdr head = header;
    std::memcpy(head.e_ident, ELFMAG, SELFMAG);
    head.e_ident[EI_CLASS] = ELFCLASS64;
    head.e_ident[EI_DATA] = ELFDATA2LSB;
    head.e_phoff = sizeof head;
    head.e_phentsize = sizeof(Elf64_Phdr);
    head.e_phnum = 1;
    head.e_shoff = kContents + whole.contents_.size();
    head.e_shentsize = sizeof(Elf64_Shdr);
    head.e_shnum = static_cast<Elf64_Half>(whole.sections.size());
    head.e_shstrndx = static_cast<Elf64_Half>(whole.sections.size() - 1);
    std::string bytes(reinterpret_cast<const char*>(&head), sizeof head);
    bytes.append(reinterpret_cast<const char*>(&code), sizeof code);
    bytes += whole.contents_;
    bytes.append(reinterpret_cast<const char*>(whole.sections.data()),
                 whole.sections.size() * sizeof(Elf64_Shdr));
    return bytes;
  }

  Elf64_Ehdr header{};
  Elf64_Phdr code{PT_LOAD, PF_R | PF_X, 0, 0x400000, 0, std::uint64_t{1} << 20, 1 << 20, 4096};
  std::vector<Elf64_Shdr> sections;

 private:
  static constexpr std::uint64_t kContents = sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr);
  std::string names_;
  std::string contents_;
};

/// What `xz` makes of `bytes`.
inline std::string CompressXz(const std::string& bytes) {
  std::string packed(lzma_stream_buffer_bound(bytes.size()), '\0');
  std::size_t size = 0;
  const lzma_ret result = lzma_easy_buffer_encode(
      0, LZMA_CHECK_CRC32, nullptr, reinterpret_cast<const std::uint8_t*>(bytes.data()),
      bytes.size(), reinterpret_cast<std::uint8_t*>(packed.data()), &size, packed.size());
  packed.resize(result == LZMA_OK ? size : 0);
  return packed;
}

}  // namespace tlscope
