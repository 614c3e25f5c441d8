// SPDX-License-Identifier: Apache-2.0
#include "agent/elf_symbols.h"

#include <fcntl.h>
#include <gelf.h>
#include <libelf.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <optional>

#include "agent/unique_fd.h"

namespace tlscope {
namespace {

struct ElfEnd {
  void operator()(Elf* elf) const noexcept { elf_end(elf); }
};
using ElfPtr = std::unique_ptr<Elf, ElfEnd>;

// Symbols hold virtual addresses, uprobes want file offsets: the segment that maps the address
// tells one from the other (elf(5), p_vaddr and p_offset).
std::optional<std::uint64_t> FileOffset(Elf* elf, std::uint64_t address) {
  std::size_t count = 0;
  if (elf_getphdrnum(elf, &count) != 0) return std::nullopt;
  for (std::size_t i = 0; i < count; ++i) {
    GElf_Phdr segment;
    if (gelf_getphdr(elf, static_cast<int>(i), &segment) == nullptr) continue;
    if (segment.p_type != PT_LOAD || (segment.p_flags & PF_X) == 0) continue;
    if (address < segment.p_vaddr || address - segment.p_vaddr >= segment.p_filesz) continue;
    return address - segment.p_vaddr + segment.p_offset;
  }
  return std::nullopt;
}

void ReadTable(Elf* elf, Elf_Scn* section, const GElf_Shdr& header,
               std::span<const std::string_view> names, FunctionOffsets& found) {
  Elf_Data* data = elf_getdata(section, nullptr);
  if (data == nullptr || header.sh_entsize == 0) return;
  const std::size_t count = data->d_size / header.sh_entsize;
  for (std::size_t i = 0; i < count; ++i) {
    GElf_Sym symbol;
    if (gelf_getsym(data, static_cast<int>(i), &symbol) == nullptr) return;
    if (GELF_ST_TYPE(symbol.st_info) != STT_FUNC || symbol.st_value == 0) continue;
    const char* text = elf_strptr(elf, header.sh_link, symbol.st_name);
    if (text == nullptr) continue;
    const auto name = std::find(names.begin(), names.end(), std::string_view(text));
    if (name == names.end() || found.contains(*name)) continue;
    if (const auto offset = FileOffset(elf, symbol.st_value)) found.emplace(*name, *offset);
  }
}

}  // namespace

Result<FunctionOffsets> FindFunctions(const std::string& path,
                                      std::span<const std::string_view> names) {
  const UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return Fail(Errc::kSystem, errno, "open " + path);
  elf_version(EV_CURRENT);
  const ElfPtr elf(elf_begin(file.get(), ELF_C_READ, nullptr));
  if (!elf || elf_kind(elf.get()) != ELF_K_ELF)
    return Fail(Errc::kNotFound, 0, "read " + path + ": it is no ELF file");

  FunctionOffsets found;
  for (const GElf_Word wanted : {GElf_Word{SHT_DYNSYM}, GElf_Word{SHT_SYMTAB}}) {
    Elf_Scn* section = nullptr;
    while ((section = elf_nextscn(elf.get(), section)) != nullptr) {
      GElf_Shdr header;
      if (gelf_getshdr(section, &header) != nullptr && header.sh_type == wanted)
        ReadTable(elf.get(), section, header, names, found);
    }
  }
  return found;
}

std::vector<std::uint8_t> ReadCode(const std::string& path, std::uint64_t offset,
                                   std::size_t size) {
  const UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::vector<std::uint8_t> code(size);
  const ssize_t got =
      file ? pread(file.get(), code.data(), size, static_cast<off_t>(offset)) : ssize_t{0};
  code.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  return code;
}

}  // namespace tlscope
