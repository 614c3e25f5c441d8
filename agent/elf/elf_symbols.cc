// SPDX-License-Identifier: Apache-2.0
#include "agent/elf/elf_symbols.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <optional>

#include "agent/elf/xz.h"
#include "processor/base/unique_fd.h"

namespace tlscope {
namespace {

// What a table may be at most to be read: far above what programs have, Chrome's with debug
// information is 100 MiB.
constexpr std::uint64_t kMaxTableBytes = std::uint64_t{512} << 20;
constexpr std::uint64_t kMaxDebugDataBytes = std::uint64_t{16} << 20;
constexpr std::size_t kMaxUnpackedBytes = std::size_t{128} << 20;

// Unpacking takes milliseconds, and on some systems every program has something to unpack. OpenSSL
// built in is some megabytes of code.
constexpr std::uint64_t kLeastCodeBytes = std::uint64_t{256} << 10;

constexpr std::size_t kMaxPlaces = 4096;  // a linker makes a handful

// Where every name wanted ends in a string table, whole or as the tail of a longer one: linkers
// merge those. Symbols name their string by its place.
using NamePlaces = std::map<std::uint64_t, std::string_view>;

std::string_view CommonPrefix(std::span<const std::string_view> names) {
  std::string_view prefix = names.empty() ? std::string_view{} : names.front();
  for (const std::string_view name : names) {
    const auto differs = std::mismatch(prefix.begin(), prefix.end(), name.begin(), name.end());
    prefix = prefix.substr(0, static_cast<std::size_t>(differs.first - prefix.begin()));
  }
  return prefix;
}

NamePlaces FindNames(const ElfFile& elf, const Elf64_Shdr& strings,
                     std::span<const std::string_view> names) {
  NamePlaces places;
  // One search for what all names begin with is much cheaper than one for each.
  const std::string_view prefix = CommonPrefix(names);
  std::size_t longest = 0;
  for (const std::string_view name : names) longest = std::max(longest, name.size() + 1);
  elf.ForEachPiece(strings, longest, [&](std::uint64_t at, std::span<const std::byte> bytes) {
    const char* const begin = reinterpret_cast<const char*>(bytes.data());
    const char* const end = begin + bytes.size();
    for (const char* here = begin; here != end; ++here) {
      here = static_cast<const char*>(
          memmem(here, static_cast<std::size_t>(end - here), prefix.data(), prefix.size()));
      if (here == nullptr) break;
      const std::string_view text(
          here,
          strnlen(here, std::min<std::size_t>(longest, static_cast<std::size_t>(end - here))));
      if (here + text.size() == end) continue;  // cut: seen whole in the next piece
      const auto name = std::find(names.begin(), names.end(), text);
      if (name != names.end()) places.emplace(at + static_cast<std::uint64_t>(here - begin), *name);
    }
    return places.size() < kMaxPlaces;
  });
  return places;
}

bool HoldsAny(const NamePlaces& places, std::span<const std::string_view> names) {
  return std::any_of(places.begin(), places.end(), [names](const auto& place) {
    return std::find(names.begin(), names.end(), place.second) != names.end();
  });
}

void ReadSymbols(const ElfFile& elf, const Elf64_Shdr& table, const NamePlaces& places,
                 const ElfFile& code, FunctionOffsets& found) {
  static constexpr std::size_t kOverlap = sizeof(Elf64_Sym);  // one may lie across two pieces
  std::uint64_t next = 0;
  elf.ForEachPiece(table, kOverlap, [&](std::uint64_t at, std::span<const std::byte> bytes) {
    for (; next + sizeof(Elf64_Sym) <= at + bytes.size(); next += sizeof(Elf64_Sym)) {
      Elf64_Sym symbol;
      std::memcpy(&symbol, bytes.data() + (next - at), sizeof symbol);
      if (ELF64_ST_TYPE(symbol.st_info) != STT_FUNC || symbol.st_shndx == SHN_UNDEF) continue;
      const auto name = places.find(symbol.st_name);
      if (name == places.end()) continue;
      if (const auto offset = code.CodeOffset(symbol.st_value))
        found.emplace(name->second, *offset);
    }
    return true;
  });
}

/// A search for functions through one table after the other.
class Search {
 public:
  Search(const ElfFile& code, std::span<const std::string_view> names,
         std::span<const std::string_view> essential)
      : code_(code), names_(names), essential_(essential.empty() ? names : essential) {}

  /// In the table of this type of `elf`, which may be another image than the one with the code.
  void Look(const ElfFile& elf, std::uint32_t type) {
    const auto table =
        std::find_if(elf.sections().begin(), elf.sections().end(),
                     [type](const Elf64_Shdr& section) { return section.sh_type == type; });
    if (table == elf.sections().end() || table->sh_entsize != sizeof(Elf64_Sym)) return;
    if (table->sh_link >= elf.sections().size()) return;
    const Elf64_Shdr& strings = elf.sections()[table->sh_link];
    if (table->sh_size > kMaxTableBytes || strings.sh_size > kMaxTableBytes) return;
    const NamePlaces places = FindNames(elf, strings, names_);
    if (HoldsAny(places, essential_)) ReadSymbols(elf, *table, places, code_, found_);
  }

  bool Done() const {
    return std::all_of(essential_.begin(), essential_.end(),
                       [this](std::string_view name) { return found_.contains(name); });
  }

  FunctionOffsets Take() { return std::move(found_); }

 private:
  const ElfFile& code_;
  std::span<const std::string_view> names_;
  std::span<const std::string_view> essential_;
  FunctionOffsets found_;
};

// "Mini debuginfo": an xz-compressed ELF file with the .symtab that was stripped from this one, as
// Fedora's packages have (gdb manual, "Debugging information in a special section").
void LookInDebugData(const ElfFile& elf, Search& search) {
  const Elf64_Shdr* const section = elf.FindSection(".gnu_debugdata");
  if (section == nullptr || section->sh_type == SHT_NOBITS) return;
  if (section->sh_size > kMaxDebugDataBytes || elf.CodeBytes() < kLeastCodeBytes) return;
  std::vector<std::byte> packed(static_cast<std::size_t>(section->sh_size));
  if (!elf.Read(section->sh_offset, packed)) return;
  const auto unpacked = DecompressXz(packed, kMaxUnpackedBytes);
  if (!unpacked) return;
  if (const auto symbols = ElfFile::OfMemory(*unpacked)) search.Look(*symbols, SHT_SYMTAB);
}

}  // namespace

Result<FunctionOffsets> FindFunctions(const std::string& path,
                                      std::span<const std::string_view> names,
                                      std::span<const std::string_view> essential) {
  const UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return Fail(Errc::kSystem, errno, "open " + path);
  const auto elf = ElfFile::OfDescriptor(file.get());
  if (!elf) return Fail(Errc::kNotFound, 0, "read " + path, "it is not a 64-bit ELF file");
  return FindFunctions(*elf, names, essential);
}

FunctionOffsets FindFunctions(const ElfFile& elf, std::span<const std::string_view> names,
                              std::span<const std::string_view> essential) {
  Search search(elf, names, essential);
  search.Look(elf, SHT_DYNSYM);
  if (!search.Done()) search.Look(elf, SHT_SYMTAB);
  if (!search.Done()) LookInDebugData(elf, search);
  return search.Take();
}

}  // namespace tlscope
