// SPDX-License-Identifier: Apache-2.0
#include "agent/elf/library_version.h"

#include <algorithm>
#include <cstdint>

#include "agent/elf/elf_file.h"

namespace tlscope {
namespace {

constexpr std::uint64_t kMaxBytes = std::uint64_t{128} << 20;
constexpr std::size_t kLongest = 64;  // of a version string

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// "OpenSSL 1.1.1w  11 Sep 2023" up to its second blank; empty when it is something else. BoringSSL
// calls itself "OpenSSL 1.1.1 (compatible; BoringSSL)".
std::string VersionAt(std::string_view text) {
  constexpr std::string_view kName = "OpenSSL ";
  text = text.substr(0, std::min(text.find('\0'), kLongest));
  if (text.find("BoringSSL") != std::string_view::npos) return "BoringSSL";
  const std::string_view number = text.substr(kName.size());
  const std::size_t end = number.find(' ');
  if (end == std::string_view::npos || number.empty() || !IsDigit(number[0])) return {};
  if (std::count(number.begin(), number.begin() + static_cast<std::ptrdiff_t>(end), '.') < 2)
    return {};
  return std::string(kName) + std::string(number.substr(0, end));
}

struct NamedTls {
  std::string_view file;
  std::string_view name;
};
constexpr NamedTls kOthers[] = {
    {"libgnutls.so", "GnuTLS"},   {"libssl3.so", "NSS"},        {"libmbedtls.so", "Mbed TLS"},
    {"libwolfssl.so", "wolfSSL"}, {"libjvm.so", "Java (JSSE)"}, {"libs2n.so", "s2n-tls"},
    {"libbearssl.so", "BearSSL"},
};

}  // namespace

std::string LibraryVersion(int fd) {
  const auto elf = ElfFile::OfDescriptor(fd);
  const Elf64_Shdr* const constants = elf ? elf->FindSection(".rodata") : nullptr;
  std::string version;
  bool boring = false;
  if (constants == nullptr || constants->sh_size > kMaxBytes) return version;
  elf->ForEachPiece(*constants, kLongest, [&](std::uint64_t, std::span<const std::byte> bytes) {
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    for (std::size_t at = text.find("OpenSSL "); at != std::string_view::npos;
         at = text.find("OpenSSL ", at + 1)) {
      version = VersionAt(text.substr(at));
      if (!version.empty()) return false;
    }
    constexpr std::string_view kBoring("\0BoringSSL\0", 11);
    boring = boring || text.find(kBoring) != std::string_view::npos;
    return true;
  });
  return version.empty() && boring ? "BoringSSL" : version;
}

std::string OtherTlsByName(std::string_view path) {
  const std::string_view name = path.substr(path.rfind('/') + 1);
  for (const NamedTls& other : kOthers) {
    if (name.starts_with(other.file)) return std::string(other.name);
  }
  return {};
}

std::string OtherTlsInside(int fd) {
  const auto elf = ElfFile::OfDescriptor(fd);
  if (!elf) return {};
  for (const char* section : {".gopclntab", ".note.go.buildid"}) {
    if (elf->FindSection(section) != nullptr) return "Go's crypto/tls";
  }
  return {};
}

}  // namespace tlscope
