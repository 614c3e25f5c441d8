// SPDX-License-Identifier: Apache-2.0
#include "parsers/tls/hello.h"

#include <algorithm>
#include <cstddef>

namespace tlscope::tls {
namespace {

// RFC 8446 4: HandshakeType.
constexpr std::uint32_t kClientHello = 1;
constexpr std::uint32_t kServerHello = 2;

// RFC 8446 4.2: ExtensionType.
constexpr std::uint32_t kServerName = 0;
constexpr std::uint32_t kProtocols = 16;
constexpr std::uint32_t kSupportedVersions = 43;

constexpr std::size_t kRandomBytes = 32;

/// Takes fields off the front of bytes that may end too early.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : left_(bytes) {}

  bool empty() const { return left_.empty(); }

  /// A number of `bytes` bytes; nothing when there are fewer.
  std::optional<std::uint32_t> Number(std::size_t bytes) {
    if (left_.size() < bytes) return std::nullopt;
    std::uint32_t number = 0;
    for (const char byte : left_.substr(0, bytes))
      number = number << 8 | static_cast<unsigned char>(byte);
    left_.remove_prefix(bytes);
    return number;
  }

  /// False when there are fewer.
  bool Skip(std::size_t bytes) {
    if (left_.size() < bytes) return false;
    left_.remove_prefix(bytes);
    return true;
  }

  /// A vector (RFC 8446 3.4) whose length takes `bytes` bytes; nothing when it is not whole.
  std::optional<std::string_view> Vector(std::size_t bytes) {
    const auto length = Number(bytes);
    if (!length || *length > left_.size()) return std::nullopt;
    const std::string_view vector = left_.substr(0, *length);
    left_.remove_prefix(*length);
    return vector;
  }

  /// The same, but as much as there is of one that is cut.
  std::string_view CutVector(std::size_t bytes) {
    const auto length = Number(bytes);
    return length ? left_.substr(0, *length) : std::string_view();
  }

 private:
  std::string_view left_;
};

/// RFC 6066 3: a list of names, of which type 0 is a host's.
void ReadServerName(std::string_view extension, Hello& hello) {
  Reader names(Reader(extension).CutVector(2));
  while (const auto type = names.Number(1)) {
    const auto name = names.Vector(2);
    if (!name) return;
    if (*type != 0) continue;
    const bool printable =
        std::all_of(name->begin(), name->end(), [](char byte) { return byte > ' ' && byte < 127; });
    if (printable) hello.server_name = *name;
    return;
  }
}

/// RFC 7301 3.1
void ReadProtocols(std::string_view extension, Hello& hello) {
  Reader names(Reader(extension).CutVector(2));
  while (const auto name = names.Vector(1)) {
    if (!name->empty()) hello.protocols.push_back(*name);
  }
}

void ReadExtension(std::uint32_t type, std::string_view extension, Hello& hello) {
  if (type == kProtocols) {
    ReadProtocols(extension, hello);
  } else if (hello.from_client) {
    if (type == kServerName) ReadServerName(extension, hello);
  } else if (type == kSupportedVersions) {
    // RFC 8446 4.2.1: here is the version, and the field before says TLS 1.2.
    if (const auto version = Reader(extension).Number(2))
      hello.version = static_cast<std::uint16_t>(*version);
  }
}

void ReadExtensions(std::string_view extensions, Hello& hello) {
  Reader left(extensions);
  while (const auto type = left.Number(2)) {
    const auto extension = left.Vector(2);
    if (!extension) return;
    ReadExtension(*type, *extension, hello);
  }
}

/// What stands between the random and the extensions.
bool SkipOffers(bool from_client, Reader& body) {
  const bool session = body.Vector(1).has_value();   // legacy_session_id
  if (!from_client) return session && body.Skip(3);  // cipher_suite, legacy_compression_method
  const bool ciphers = session && body.Vector(2);
  return ciphers && body.Vector(1);  // legacy_compression_methods
}

}  // namespace

std::optional<Hello> ReadHello(std::string_view bytes) {
  Reader message(bytes);
  const std::uint32_t type = message.Number(1).value_or(0);
  if (type != kClientHello && type != kServerHello) return std::nullopt;
  const bool whole = Reader(message).Vector(3).has_value();
  Reader body(message.CutVector(3));
  const auto version = body.Number(2);
  if (!version || *version >> 8 != 3) return std::nullopt;
  Hello hello;
  hello.from_client = type == kClientHello;
  if (!body.Skip(kRandomBytes) || !SkipOffers(hello.from_client, body)) return hello;
  ReadExtensions(body.CutVector(2), hello);
  // A cut one may have said in an extension that it is TLS 1.3 after all.
  if (!hello.from_client && hello.version == 0 && whole)
    hello.version = static_cast<std::uint16_t>(*version);
  return hello;
}

}  // namespace tlscope::tls
