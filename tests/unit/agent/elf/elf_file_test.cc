// SPDX-License-Identifier: Apache-2.0
#include "agent/elf/elf_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <limits>
#include <numeric>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tests/unit/agent/elf/elf_image.h"

namespace tlscope {
namespace {

std::span<const std::byte> BytesOf(const std::string& text) {
  return std::as_bytes(std::span(text));
}

std::string TextOf(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

TEST(ElfFileTest, TakesOnly64BitLittleEndianElf) {
  const std::string whole = ElfImage().Bytes();
  EXPECT_TRUE(ElfFile::OfMemory(BytesOf(whole)).has_value());
  for (const auto& [place, value] :
       {std::pair(EI_MAG0, 'x'), std::pair(EI_MAG3, 'x'), std::pair(EI_CLASS, char{ELFCLASS32}),
        std::pair(EI_DATA, char{ELFDATA2MSB})}) {
    std::string other = whole;
    other[static_cast<std::size_t>(place)] = value;
    EXPECT_FALSE(ElfFile::OfMemory(BytesOf(other)).has_value()) << place;
  }
  EXPECT_FALSE(ElfFile::OfMemory(BytesOf(whole.substr(0, sizeof(Elf64_Ehdr) - 1))).has_value());
  EXPECT_FALSE(ElfFile::OfMemory({}).has_value());
}

TEST(ElfFileTest, ReadsARegularFileOnly) {
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe(ends.data()), 0);
  EXPECT_FALSE(ElfFile::OfDescriptor(ends[0]).has_value());
  close(ends[0]);
  close(ends[1]);
  EXPECT_FALSE(ElfFile::OfDescriptor(-1).has_value());
}

TEST(ElfFileTest, FindsASectionByItsWholeName) {
  ElfImage image;
  image.AddSection(".text", SHT_PROGBITS, "code").AddSection(".text.hot", SHT_PROGBITS, "hot");
  const std::string whole = image.Bytes();
  const auto elf = ElfFile::OfMemory(BytesOf(whole));
  ASSERT_TRUE(elf.has_value());
  ASSERT_NE(elf->FindSection(".text.hot"), nullptr);
  EXPECT_EQ(elf->FindSection(".text.hot")->sh_size, 3U);
  ASSERT_NE(elf->FindSection(".text"), nullptr);
  EXPECT_EQ(elf->FindSection(".text")->sh_size, 4U);
  EXPECT_EQ(elf->FindSection(".tex"), nullptr);
  EXPECT_EQ(elf->FindSection("hot"), nullptr);
  EXPECT_EQ(elf->FindSection(std::string(100, 'x')), nullptr);
}

TEST(ElfFileTest, ReadsNothingBeyondItsEnd) {
  const std::string whole = ElfImage().Bytes();
  const auto elf = ElfFile::OfMemory(BytesOf(whole));
  ASSERT_TRUE(elf.has_value());
  std::array<std::byte, 4> out{};
  EXPECT_TRUE(elf->Read(whole.size() - 4, out));
  EXPECT_EQ(TextOf(out), whole.substr(whole.size() - 4));
  EXPECT_FALSE(elf->Read(whole.size() - 3, out));
  EXPECT_FALSE(elf->Read(std::numeric_limits<std::uint64_t>::max() - 1, out));
  EXPECT_TRUE(elf->Read(whole.size(), {}));
}

/// The pieces put together again, each at its place.
std::string Joined(const ElfFile& elf, const Elf64_Shdr& section, std::size_t overlap) {
  std::string joined;
  std::size_t pieces = 0;
  elf.ForEachPiece(section, overlap, [&](std::uint64_t at, std::span<const std::byte> bytes) {
    EXPECT_EQ(at + (pieces++ == 0 ? 0 : overlap), joined.size());
    joined.resize(at);
    joined += TextOf(bytes);
    return true;
  });
  return joined;
}

TEST(ElfFileTest, HandsOverASectionInPiecesThatOverlap) {
  for (const std::size_t size : {0, 1, 65535, 65536, 65537, 65560, 131072, 200000}) {
    std::string content(size, '\0');
    std::iota(content.begin(), content.end(), '\0');
    ElfImage image;
    image.AddSection(".data", SHT_PROGBITS, content);
    const std::string whole = image.Bytes();
    const auto elf = ElfFile::OfMemory(BytesOf(whole));
    ASSERT_TRUE(elf.has_value());
    EXPECT_EQ(Joined(*elf, *elf->FindSection(".data"), 24), content) << size;
  }
}

TEST(ElfFileTest, HandsOverWhatTheImageHasOfASection) {
  ElfImage image;
  image.AddSection(".data", SHT_PROGBITS, "content").AddSection(".bss", SHT_NOBITS, "none");
  image.sections[1].sh_size = std::uint64_t{1} << 60;
  const std::string whole = image.Bytes();
  const auto elf = ElfFile::OfMemory(BytesOf(whole));
  ASSERT_TRUE(elf.has_value());
  EXPECT_EQ(Joined(*elf, *elf->FindSection(".data"), 24),
            whole.substr(elf->FindSection(".data")->sh_offset));
  EXPECT_EQ(Joined(*elf, *elf->FindSection(".bss"), 24), "");
}

TEST(ElfFileTest, StopsHandingOverWhenToldTo) {
  ElfImage image;
  image.AddSection(".data", SHT_PROGBITS, std::string(200000, 'x'));
  const std::string whole = image.Bytes();
  const auto elf = ElfFile::OfMemory(BytesOf(whole));
  ASSERT_TRUE(elf.has_value());
  int calls = 0;
  elf->ForEachPiece(*elf->FindSection(".data"), 0, [&](std::uint64_t, std::span<const std::byte>) {
    ++calls;
    return false;
  });
  EXPECT_EQ(calls, 1);
}

/// Of an image whose code segment is as given and that has 4096 bytes.
std::optional<std::uint64_t> OffsetIn(const Elf64_Phdr& segment, std::uint64_t address) {
  ElfImage image;
  image.code = segment;
  std::string whole = image.Bytes();
  whole.resize(4096);
  const auto elf = ElfFile::OfMemory(BytesOf(whole));
  return elf ? elf->CodeOffset(address) : std::nullopt;
}

TEST(ElfFileTest, FindsCodeByTheSegmentThatMapsIt) {
  const Elf64_Phdr code{PT_LOAD, PF_R | PF_X, 0x200, 0x400200, 0, 0x100, 0x180, 4096};
  EXPECT_EQ(OffsetIn(code, 0x400200), 0x200U);
  EXPECT_EQ(OffsetIn(code, 0x4002ff), 0x2ffU);
  EXPECT_EQ(OffsetIn(code, 0x400300), std::nullopt) << "in memory, not in the file";
  EXPECT_EQ(OffsetIn(code, 0x4001ff), std::nullopt);
  EXPECT_EQ(OffsetIn(code, 0), std::nullopt);
  Elf64_Phdr other = code;
  other.p_flags = PF_R | PF_W;
  EXPECT_EQ(OffsetIn(other, 0x400200), std::nullopt) << "no code";
  other = code;
  other.p_offset = 4096;
  EXPECT_EQ(OffsetIn(other, 0x400200), std::nullopt) << "behind the end of the file";
  other.p_offset = ~std::uint64_t{0};
  other.p_filesz = ~std::uint64_t{0};
  EXPECT_EQ(OffsetIn(other, 0x400201), 0U) << "whatever it says, it is within the file";
}

TEST(ElfFileTest, SaysHowMuchCodeThereIs) {
  ElfImage image;
  image.code.p_filesz = 12345;
  const std::string whole = image.Bytes();
  EXPECT_EQ(ElfFile::OfMemory(BytesOf(whole))->CodeBytes(), 12345U);
}

}  // namespace
}  // namespace tlscope
