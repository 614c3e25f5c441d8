// SPDX-License-Identifier: Apache-2.0
#include "processor/net/server/listen_address.h"

#include <boost/asio/ip/address.hpp>
#include <cerrno>
#include <cstdint>
#include <optional>
#include <string_view>

#include "processor/base/parse_number.h"

namespace tlscope {
namespace {

std::optional<boost::asio::ip::address> ParseHost(std::string host) {
  if (host == "localhost") return boost::asio::ip::address_v4::loopback();
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  boost::system::error_code error;
  const auto address = boost::asio::ip::make_address(host, error);
  if (error || address.is_v6() != bracketed) return std::nullopt;
  return address;
}

}  // namespace

Result<boost::asio::ip::tcp::endpoint> ParseListenAddress(const std::string& address_and_port) {
  const std::string what = "listen on '" + address_and_port + "'";
  const std::size_t colon = address_and_port.rfind(':');
  const auto port =
      colon == std::string::npos
          ? std::nullopt
          : ParseNumber<std::uint16_t>(std::string_view(address_and_port).substr(colon + 1));
  if (!port) {
    return Fail(Errc::kUsage, 0, what, "give an address and a port, such as 127.0.0.1:9464");
  }
  if (colon == 0) {
    return Fail(Errc::kUsage, 0, what,
                "without an address everyone who reaches this host could read what is served: say "
                "127.0.0.1:" +
                    std::to_string(*port) +
                    " for this host alone, 0.0.0.0:" + std::to_string(*port) + " if everyone may");
  }
  const auto host = ParseHost(address_and_port.substr(0, colon));
  if (!host) {
    return Fail(
        Errc::kUsage, 0, what,
        "give an IP address and a port, such as 127.0.0.1:9464 or [::1]:9464; names are not "
        "looked up");
  }
  return boost::asio::ip::tcp::endpoint(*host, *port);
}

Error ListenError(const std::string& address_and_port, const boost::system::error_code& error) {
  Error result{Errc::kSystem, error.value(), "listen on " + address_and_port, {}};
  switch (error.value()) {
    case EADDRINUSE:
      result.remedy = "give another port, or end what listens there (ss -ltnp names it)";
      break;
    case EADDRNOTAVAIL:
      result.remedy = "give an address of this host (ip address lists them)";
      break;
    case EACCES:
      result.code = Errc::kPrivilege;
      result.remedy = "give a port from 1024 on, or CAP_NET_BIND_SERVICE";
      break;
    default:
      break;
  }
  return result;
}

}  // namespace tlscope
