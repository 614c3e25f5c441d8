// SPDX-License-Identifier: Apache-2.0
// What is planned for every function of libraries as they are installed, held against a plain walk.
#include <dlfcn.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include <cstring>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "agent/code/elf_code.h"
#include "agent/code/ways.h"
#include "processor/base/unique_fd.h"

namespace tlscope {
namespace {

/// The file that a function of this process comes from.
std::string FileOf(const void* function) {
  Dl_info info{};
  return dladdr(function, &info) != 0 ? info.dli_fname : "";
}

/// The addresses of the functions that a library has for others.
std::set<std::uint64_t> Exported(const ElfFile& elf) {
  std::set<std::uint64_t> addresses;
  const Elf64_Shdr* const table = elf.FindSection(".dynsym");
  if (table == nullptr) return addresses;
  std::vector<Elf64_Sym> symbols(static_cast<std::size_t>(table->sh_size / sizeof(Elf64_Sym)));
  if (!elf.Read(table->sh_offset, std::as_writable_bytes(std::span(symbols)))) return addresses;
  for (const Elf64_Sym& symbol : symbols) {
    if (ELF64_ST_TYPE(symbol.st_info) == STT_FUNC && symbol.st_shndx != SHN_UNDEF)
      addresses.insert(symbol.st_value);
  }
  return addresses;
}

/// Whether a call gets from the way in to a `ret` without passing one of `exits` before it runs.
bool EndsUnseen(const FunctionGraph& graph, std::uint64_t way_in,
                const std::set<std::uint64_t>& exits) {
  std::vector<NodeIndex> waiting{*graph.Find(way_in)};
  std::set<NodeIndex> seen;
  while (!waiting.empty()) {
    const NodeIndex node = waiting.back();
    waiting.pop_back();
    const Instruction& code = graph.nodes[node].code;
    if (exits.contains(code.address) || !seen.insert(node).second) continue;
    if (code.flow == Flow::kReturn) return true;
    waiting.insert(waiting.end(), graph.nodes[node].next.begin(), graph.nodes[node].next.end());
  }
  return false;
}

/// A function of the library of this name.
const void* FunctionIn(std::string_view library) {
  return library == "libssl" ? reinterpret_cast<const void*>(&SSL_read)
                             : reinterpret_cast<const void*>(&memfrob);
}

class RealLibrariesTest : public ::testing::TestWithParam<const char*> {};

INSTANTIATE_TEST_SUITE_P(Libraries, RealLibrariesTest, ::testing::Values("libssl", "libc"));

TEST_P(RealLibrariesTest, PassAWayOutOnEveryPathToAReturn) {
  const UniqueFd file(open(FileOf(FunctionIn(GetParam())).c_str(), O_RDONLY | O_CLOEXEC));
  const auto elf = ElfFile::OfDescriptor(file.get());
  ASSERT_TRUE(elf.has_value());
  const ElfCode source(*elf);
  const CallShape shape{0, {}, ResultKind::kInt32};
  std::size_t covered = 0;
  std::size_t refused = 0;
  for (const std::uint64_t address : Exported(*elf)) {
    SCOPED_TRACE(HexText(address));
    std::string reason;
    const auto function = Decode(source, address, reason);
    const auto entry =
        function ? FindWayIn(*function, shape, PointChoice::kAny) : std::optional<CodePoint>{};
    const WaysOut ways =
        entry ? FindWaysOut(*function, shape, PointChoice::kAny, *entry) : WaysOut{{}, "none"};
    ASSERT_EQ(ways.points.empty(), !ways.refusal.empty());
    if (ways.points.empty()) {
      ++refused;
      continue;
    }
    ++covered;
    std::set<std::uint64_t> exits;
    for (const CodePoint& point : ways.points) {
      EXPECT_TRUE(function->graph.Find(point.address).has_value());
      EXPECT_NE(point.address, entry->address);
      exits.insert(point.address);
    }
    EXPECT_FALSE(EndsUnseen(function->graph, entry->address, exits));
  }
  RecordProperty("refused", std::to_string(refused));
  EXPECT_GT(covered, refused);
}

}  // namespace
}  // namespace tlscope
