// SPDX-License-Identifier: Apache-2.0
#include "agent/elf_symbols.h"

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <string>

namespace tlscope {
namespace {

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

TEST(ElfSymbolsTest, SurvivesAnElfFileCutAnywhere) {
  std::ifstream own("/proc/self/exe", std::ios::binary);
  std::string head(8192, '\0');
  own.read(head.data(), static_cast<std::streamsize>(head.size()));
  const std::array<std::string_view, 1> names{"SSL_read"};
  const std::string path = testing::TempDir() + "/cut-" + std::to_string(getpid());
  for (std::size_t size = 0; size < head.size(); size += 97) {
    std::ofstream(path, std::ios::binary) << head.substr(0, size);
    const auto functions = FindFunctions(path, names);
    EXPECT_TRUE(!functions.has_value() || functions->empty()) << size;
  }
  std::remove(path.c_str());
}

}  // namespace
}  // namespace tlscope
