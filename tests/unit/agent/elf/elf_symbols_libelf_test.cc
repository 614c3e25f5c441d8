// SPDX-License-Identifier: Apache-2.0
// What we find in the libraries of this machine is what libelf finds in them.
#include <dlfcn.h>
#include <fcntl.h>
#include <gelf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <libelf.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/elf/elf_symbols.h"
#include "processor/base/unique_fd.h"

namespace tlscope {
namespace {

// Enough to meet old and new linkers, C and C++, in a second.
constexpr std::size_t kMaxFiles = 40;
constexpr std::uintmax_t kMaxFileBytes = 2'000'000;
constexpr std::size_t kNamesOfAFile = 12;

using ElfPtr = std::unique_ptr<Elf, decltype(&elf_end)>;

std::optional<std::uint64_t> OffsetOf(Elf* elf, std::uint64_t address) {
  std::size_t segments = 0;
  elf_getphdrnum(elf, &segments);
  for (std::size_t i = 0; i < segments; ++i) {
    GElf_Phdr segment;
    if (gelf_getphdr(elf, static_cast<int>(i), &segment) == nullptr) continue;
    if (segment.p_type != PT_LOAD || (segment.p_flags & PF_X) == 0) continue;
    if (address >= segment.p_vaddr && address < segment.p_vaddr + segment.p_filesz)
      return address - segment.p_vaddr + segment.p_offset;
  }
  return std::nullopt;
}

/// The functions that a file exports, each with the offset of the first symbol of its name: there
/// may be several, of different versions.
std::map<std::string, std::uint64_t> ExportsByLibelf(const std::string& path) {
  std::map<std::string, std::uint64_t> exports;
  const UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  const ElfPtr elf(elf_begin(file.get(), ELF_C_READ, nullptr), &elf_end);
  for (Elf_Scn* section = nullptr; (section = elf_nextscn(elf.get(), section)) != nullptr;) {
    GElf_Shdr header;
    if (gelf_getshdr(section, &header) == nullptr || header.sh_type != SHT_DYNSYM) continue;
    Elf_Data* const table = elf_getdata(section, nullptr);
    if (table == nullptr || header.sh_entsize == 0) continue;
    for (std::size_t i = 0; i < header.sh_size / header.sh_entsize; ++i) {
      GElf_Sym symbol;
      if (gelf_getsym(table, static_cast<int>(i), &symbol) == nullptr) continue;
      if (GELF_ST_TYPE(symbol.st_info) != STT_FUNC || symbol.st_shndx == SHN_UNDEF) continue;
      const char* const name = elf_strptr(elf.get(), header.sh_link, symbol.st_name);
      const auto offset = OffsetOf(elf.get(), symbol.st_value);
      if (name != nullptr && *name != '\0' && offset) exports.emplace(name, *offset);
    }
  }
  return exports;
}

/// Regular files in the folder of this machine's libc, in order.
std::vector<std::string> SystemLibraries() {
  Dl_info libc{};
  dladdr(dlsym(RTLD_DEFAULT, "getppid"), &libc);
  const auto folder = std::filesystem::canonical(libc.dli_fname).parent_path();
  std::vector<std::string> paths;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (!entry.is_regular_file() || entry.is_symlink()) continue;
    if (entry.path().filename().string().find(".so") == std::string::npos) continue;
    if (entry.file_size() <= kMaxFileBytes) paths.push_back(entry.path().string());
  }
  std::ranges::sort(paths);
  return paths;
}

TEST(ElfSymbolsTest, AgreesWithLibelfOnTheLibrariesOfThisMachine) {
  ASSERT_NE(elf_version(EV_CURRENT), unsigned{EV_NONE});
  std::size_t files = 0;
  for (const std::string& path : SystemLibraries()) {
    const auto exports = ExportsByLibelf(path);
    if (exports.empty()) continue;
    if (++files > kMaxFiles) break;
    SCOPED_TRACE(path);
    const std::size_t step = 1 + exports.size() / kNamesOfAFile;
    std::vector<std::string_view> names;
    std::size_t at = 0;
    for (const auto& [name, offset] : exports) {
      if (at++ % step == 0) names.push_back(name);
    }
    const auto found = FindFunctions(path, names);
    ASSERT_TRUE(found.has_value()) << found.error().Describe();
    EXPECT_EQ(found->size(), names.size());
    for (const std::string_view name : names) {
      const auto function = found->find(name);
      if (function == found->end()) {
        ADD_FAILURE() << name << " is not found";
        continue;
      }
      EXPECT_EQ(function->second, exports.find(std::string(name))->second) << name;
    }
  }
  EXPECT_GT(files, 0U);
}

}  // namespace
}  // namespace tlscope
