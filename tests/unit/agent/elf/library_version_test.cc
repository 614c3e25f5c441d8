// SPDX-License-Identifier: Apache-2.0
#include "agent/elf/library_version.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <string>

#include "processor/base/unique_fd.h"
#include "tests/unit/agent/elf/elf_image.h"

namespace tlscope {
namespace {

UniqueFd FileWith(const std::string& bytes) {
  UniqueFd file(memfd_create("image", MFD_CLOEXEC));
  EXPECT_EQ(write(file.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  return file;
}

std::string VersionIn(const std::string& constants) {
  ElfImage image;
  image.AddSection(".rodata", SHT_PROGBITS, constants);
  return LibraryVersion(FileWith(image.Bytes()).get());
}

TEST(LibraryVersionTest, ReadsWhatTheConstantsSay) {
  using std::string_literals::operator""s;
  EXPECT_EQ(VersionIn("x\0OpenSSL 3.0.17 1 Jul 2025\0y"s), "OpenSSL 3.0.17");
  EXPECT_EQ(VersionIn("\0OpenSSL 1.1.1w  11 Sep 2023\0"s), "OpenSSL 1.1.1w");
  EXPECT_EQ(VersionIn("\0OpenSSL 1.1.1 (compatible; BoringSSL)\0"s), "BoringSSL");
  EXPECT_EQ(VersionIn("\0BoringSSL\0"s), "BoringSSL");
  EXPECT_EQ(VersionIn(std::string(65530, 'x') + "\0OpenSSL 3.5.1 1 Jul 2025\0"s), "OpenSSL 3.5.1");
}

TEST(LibraryVersionTest, TakesNothingElseForAVersion) {
  using std::string_literals::operator""s;
  EXPECT_EQ(VersionIn("part of OpenSSL \0OpenSSL 3\0OpenSSL CMAC method\0OpenSSL 1 2\0"s), "");
  EXPECT_EQ(VersionIn(""), "");
  EXPECT_EQ(LibraryVersion(FileWith("no ELF file").get()), "");
  EXPECT_EQ(LibraryVersion(-1), "");
}

TEST(LibraryVersionTest, KnowsOtherTlsByNamesAndSections) {
  EXPECT_EQ(OtherTlsByName("/usr/lib/libgnutls.so.30"), "GnuTLS");
  EXPECT_EQ(OtherTlsByName("/usr/lib/libssl3.so"), "NSS");
  EXPECT_EQ(OtherTlsByName("/usr/lib/libssl.so.3"), "");
  ElfImage go;
  go.AddSection(".gopclntab", SHT_PROGBITS, "x");
  EXPECT_EQ(OtherTlsInside(FileWith(go.Bytes()).get()), "Go's crypto/tls");
  EXPECT_EQ(OtherTlsInside(FileWith(ElfImage().Bytes()).get()), "");
}

}  // namespace
}  // namespace tlscope
