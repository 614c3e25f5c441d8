// SPDX-License-Identifier: Apache-2.0
#include "processor/net/stream_address.h"

#include <optional>
#include <string_view>
#include <utility>

#include "processor/base/parse_number.h"

namespace tlscope {
namespace {

struct Scheme {
  std::string_view prefix;
  StreamAddress::Kind kind;
};
constexpr Scheme kSchemes[] = {
    {"unix://", StreamAddress::Kind::kUnix},
    {"tcp://", StreamAddress::Kind::kTcp},
    {"tls://", StreamAddress::Kind::kTls},
};

// RFC 1035 2.3.4, and room for an IPv6 address with a zone.
constexpr std::size_t kMaxHostBytes = 255;

bool IsHost(std::string_view host) {
  if (host.empty() || host.size() > kMaxHostBytes) return false;
  for (const char c : host) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte <= 0x20 || byte == 0x7f || c == '/' || c == '@' || c == '?' || c == '#') return false;
  }
  return true;
}

Result<StreamAddress> ParseUnix(const std::string& url, std::string_view path) {
  if (path.empty() || path.front() != '/') {
    return Fail(Errc::kUsage, 0, "send to '" + url + "'",
                "give the socket's whole path, such as unix:///run/collector.sock");
  }
  if (path.size() > StreamAddress::kMaxUnixPath || path.find('\0') != std::string_view::npos) {
    return Fail(Errc::kUsage, 0, "send to '" + url + "'",
                "the path of a socket has at most " + std::to_string(StreamAddress::kMaxUnixPath) +
                    " bytes");
  }
  StreamAddress address;
  address.kind = StreamAddress::Kind::kUnix;
  address.path = path;
  return address;
}

Result<StreamAddress> ParseHostAndPort(const std::string& url, const Scheme& scheme,
                                       std::string_view text) {
  const std::string example = std::string(scheme.prefix) + "collector.example:4317";
  const std::size_t colon = text.rfind(':');
  const auto port = colon == std::string_view::npos
                        ? std::nullopt
                        : ParseNumber<std::uint16_t>(text.substr(colon + 1));
  if (port.value_or(0) == 0) {
    return Fail(Errc::kUsage, 0, "send to '" + url + "'",
                "give a host and a port, such as " + example);
  }
  std::string_view host = text.substr(0, colon);
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  const bool has_colon = host.find(':') != std::string_view::npos;
  if (!IsHost(host) || has_colon != bracketed) {
    return Fail(Errc::kUsage, 0, "send to '" + url + "'",
                "give a host name, an IPv4 address or an IPv6 address in brackets, such as " +
                    example + " or " + std::string(scheme.prefix) + "[::1]:4317");
  }
  StreamAddress address;
  address.kind = scheme.kind;
  address.host = host;
  address.port = *port;
  return address;
}

}  // namespace

std::string StreamAddress::Url() const {
  if (kind == Kind::kUnix) return "unix://" + path;
  const bool brackets = host.find(':') != std::string::npos;
  return (kind == Kind::kTls ? "tls://" : "tcp://") + (brackets ? "[" + host + "]" : host) + ":" +
         std::to_string(port);
}

Result<StreamAddress> ParseStreamAddress(const std::string& url) {
  for (const Scheme& scheme : kSchemes) {
    if (!url.starts_with(scheme.prefix)) continue;
    const std::string_view rest = std::string_view(url).substr(scheme.prefix.size());
    if (scheme.kind == StreamAddress::Kind::kUnix) return ParseUnix(url, rest);
    return ParseHostAndPort(url, scheme, rest);
  }
  return Fail(Errc::kUsage, 0, "send to '" + url + "'",
              "give unix:///PATH, tcp://HOST:PORT or tls://HOST:PORT");
}

}  // namespace tlscope
