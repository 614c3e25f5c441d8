// SPDX-License-Identifier: Apache-2.0
#include "agent/elf/elf_symbols.h"

#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <random>
#include <string>

#include "tests/unit/agent/elf/elf_image.h"

namespace tlscope {
namespace {

using testing::IsEmpty;
using testing::Pair;
using testing::UnorderedElementsAre;
using Functions = std::vector<ElfImage::Symbol>;

constexpr std::uint64_t kCode = 0x400000;
constexpr std::array<std::string_view, 3> kNames{"SSL_read", "SSL_write", "SSL_free"};
constexpr std::array<std::string_view, 2> kEssential{"SSL_read", "SSL_write"};

/// A file that is gone after the test.
class FileOf {
 public:
  explicit FileOf(const std::string& bytes) { Write(bytes); }
  ~FileOf() { std::remove(path_.c_str()); }
  FileOf(const FileOf&) = delete;
  FileOf& operator=(const FileOf&) = delete;

  void Write(const std::string& bytes) { std::ofstream(path_, std::ios::binary) << bytes; }

  FunctionOffsets Functions() const {
    const auto found = FindFunctions(path_, kNames, kEssential);
    return found.value_or(FunctionOffsets{});
  }

 private:
  std::string path_ = testing::TempDir() + "elf-" + std::to_string(getpid());
};

// Files are padded: an offset beyond the end of the file is none.
FunctionOffsets FunctionsIn(const ElfImage& image) {
  return FileOf(image.Bytes() + std::string(8192, '\0')).Functions();
}

TEST(ElfSymbolsTest, FindsTheFileOffsetOfAFunctionOfAnotherLibrary) {
  Dl_info libc{};
  void* const address = dlsym(RTLD_DEFAULT, "getppid");
  ASSERT_NE(dladdr(address, &libc), 0);
  const std::array<std::string_view, 2> names{"getppid", "no_such_function_anywhere"};
  const auto functions = FindFunctions(libc.dli_fname, names);
  ASSERT_TRUE(functions.has_value()) << functions.error().Describe();
  ASSERT_EQ(functions->size(), 1U);
  std::array<char, 16> in_file{};
  std::ifstream(libc.dli_fname, std::ios::binary)
      .seekg(static_cast<std::streamoff>(functions->at("getppid")))
      .read(in_file.data(), in_file.size());
  EXPECT_EQ(std::memcmp(in_file.data(), address, in_file.size()), 0);
}

TEST(ElfSymbolsTest, SaysWhyAFileHasNone) {
  const std::array<std::string_view, 1> names{"SSL_read"};
  const auto missing = FindFunctions("/no/such/libssl.so.3", names);
  ASSERT_FALSE(missing.has_value());
  EXPECT_EQ(missing.error().Describe(),
            "cannot open /no/such/libssl.so.3: No such file or directory");
  const auto text = FindFunctions("/proc/self/maps", names);
  ASSERT_FALSE(text.has_value());
  EXPECT_EQ(text.error().code, Errc::kNotFound);
}

TEST(ElfSymbolsTest, LooksInSymtabForWhatDynsymLacks) {
  ElfImage image;
  image.AddSymbols(SHT_DYNSYM, {{"SSL_free", kCode + 16}})
      .AddSymbols(SHT_SYMTAB, {{"SSL_read", kCode + 32}, {"SSL_write", kCode + 48}});
  EXPECT_THAT(FunctionsIn(image), UnorderedElementsAre(Pair("SSL_read", 32), Pair("SSL_write", 48)))
      << "what has no essential name says nothing";
  image = ElfImage();
  image.AddSymbols(SHT_DYNSYM, {{"SSL_read", kCode + 16}})
      .AddSymbols(SHT_SYMTAB, {{"SSL_read", kCode + 32}, {"SSL_write", kCode + 48}});
  EXPECT_THAT(FunctionsIn(image),
              UnorderedElementsAre(Pair("SSL_read", 16), Pair("SSL_write", 48)));
}

TEST(ElfSymbolsTest, LooksInMiniDebuginfoLast) {
  ElfImage stripped;
  stripped.AddSymbols(SHT_SYMTAB,
                      {{"main", kCode}, {"SSL_read", kCode + 32}, {"SSL_write", kCode + 48}});
  ElfImage image;
  image.AddSymbols(SHT_DYNSYM, {{"SSL_free", kCode + 16}})
      .AddSection(".gnu_debugdata", SHT_PROGBITS, CompressXz(stripped.Bytes()));
  EXPECT_THAT(FunctionsIn(image),
              UnorderedElementsAre(Pair("SSL_read", 32), Pair("SSL_write", 48)));
}

TEST(ElfSymbolsTest, TakesNoImportForAFunctionOfTheFile) {
  // A program that takes the address of an imported function gives it one of its own (ELF gABI).
  ElfImage image;
  image.AddSymbols(SHT_DYNSYM, {{"SSL_read", kCode + 16, SHN_UNDEF}, {"SSL_write", kCode + 32}});
  EXPECT_THAT(FunctionsIn(image), UnorderedElementsAre(Pair("SSL_write", 32)));
}

TEST(ElfSymbolsTest, TakesOnlyFunctionsOfExactlyThatName) {
  ElfImage image;
  image.AddSymbols(SHT_DYNSYM, {{"SSL_read_ex", kCode + 16},
                                {"wolfSSL_read", kCode + 32},
                                {"SSL_write", kCode + 48, 1, STT_OBJECT},
                                {"SSL_write@OPENSSL_3.0.0", kCode + 64}});
  EXPECT_THAT(FunctionsIn(image), IsEmpty());
}

TEST(ElfSymbolsTest, FindsNamesAcrossThePiecesItReads) {
  for (std::size_t padding = 65500; padding < 65560; ++padding) {
    ElfImage image;
    image.AddSymbols(
        SHT_DYNSYM,
        {{std::string(padding, 'x'), kCode}, {"SSL_read", kCode + 16}, {"SSL_write", kCode + 32}});
    EXPECT_THAT(FunctionsIn(image),
                UnorderedElementsAre(Pair("SSL_read", 16), Pair("SSL_write", 32)))
        << padding;
  }
}

TEST(ElfSymbolsTest, FindsAFunctionAmongManyThousand) {
  Functions functions;
  for (std::uint64_t i = 0; i < 9000; ++i)
    functions.push_back({"function_" + std::to_string(i), kCode + i});
  functions.push_back({"SSL_read", kCode + 16});
  functions.push_back({"SSL_write", kCode + 32});
  ElfImage image;
  image.AddSymbols(SHT_SYMTAB, functions);
  EXPECT_THAT(FunctionsIn(image),
              UnorderedElementsAre(Pair("SSL_read", 16), Pair("SSL_write", 32)));
}

ElfImage Library() {
  ElfImage stripped;
  stripped.AddSymbols(SHT_SYMTAB, {{"SSL_write", kCode + 32}});
  ElfImage image;
  image.AddSymbols(SHT_DYNSYM, {{"SSL_read", kCode + 16}})
      .AddSection(".gnu_debugdata", SHT_PROGBITS, CompressXz(stripped.Bytes()));
  return image;
}

TEST(ElfSymbolsTest, SurvivesAnElfFileCutAnywhere) {
  const std::string whole = Library().Bytes();
  FileOf file(whole);
  EXPECT_EQ(file.Functions().size(), 2U);
  for (std::size_t size = 0; size < whole.size(); size += 7) {
    file.Write(whole.substr(0, size));
    EXPECT_LE(file.Functions().size(), 1U) << size;
  }
}

TEST(ElfSymbolsTest, SurvivesAbsurdSizesAndPlaces) {
  for (const std::uint64_t absurd :
       {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{1} << 31, std::uint64_t{1} << 40,
        std::uint64_t{1} << 63, ~std::uint64_t{0}, ~std::uint64_t{0} - 100}) {
    for (std::size_t i = 1; i < Library().sections.size(); ++i) {
      for (const auto field :
           {&Elf64_Shdr::sh_offset, &Elf64_Shdr::sh_size, &Elf64_Shdr::sh_entsize}) {
        ElfImage image = Library();
        image.sections[i].*field = absurd;
        EXPECT_LE(FunctionsIn(image).size(), 2U);
      }
      ElfImage image = Library();
      image.sections[i].sh_link = static_cast<Elf64_Word>(absurd);
      EXPECT_LE(FunctionsIn(image).size(), 2U);
    }
    ElfImage image = Library();
    image.code.p_offset = absurd;
    EXPECT_LE(FunctionsIn(image).size(), 2U);
  }
}

TEST(ElfSymbolsTest, SurvivesFlippedBytesAnywhere) {
  const std::string whole = Library().Bytes();
  std::minstd_rand random(1);
  FileOf file(whole);
  for (int round = 0; round < 100; ++round) {
    std::string broken = whole;
    for (int flips = 0; flips < 4; ++flips)
      broken[random() % broken.size()] = static_cast<char>(random());
    file.Write(broken);
    EXPECT_LE(file.Functions().size(), 2U);
  }
}

TEST(ElfSymbolsTest, UnpacksNoMoreThanItsLimit) {
  ElfImage bomb;
  bomb.AddSymbols(SHT_DYNSYM, {{"SSL_read", kCode + 16}})
      .AddSection(".gnu_debugdata", SHT_PROGBITS,
                  CompressXz(std::string(std::size_t{129} << 20, '\0')));
  EXPECT_THAT(FunctionsIn(bomb), UnorderedElementsAre(Pair("SSL_read", 16)));
}

}  // namespace
}  // namespace tlscope
