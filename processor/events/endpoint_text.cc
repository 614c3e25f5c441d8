// SPDX-License-Identifier: Apache-2.0
#include "processor/events/endpoint_text.h"

#include <arpa/inet.h>

#include <array>
#include <cstddef>

#include "processor/text/decimal.h"

namespace tlscope {
namespace {

char* PutOctet(unsigned value, char* at) {
  if (value >= 100) *at++ = static_cast<char>('0' + value / 100);
  if (value >= 10) *at++ = static_cast<char>('0' + value / 10 % 10);
  *at++ = static_cast<char>('0' + value % 10);
  return at;
}

void AppendIpv4(const Endpoint& endpoint, std::string& out) {
  std::array<char, 16> text;
  char* at = text.data();
  for (std::size_t i = 0; i < 4; ++i) {
    at = PutOctet(endpoint.address[i], at);
    *at++ = i < 3 ? '.' : ':';
  }
  out.append(text.data(), at);
}

void AppendIpv6(const Endpoint& endpoint, std::string& out) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_ntop(AF_INET6, endpoint.address.data(), text.data(), text.size());
  out.push_back('[');
  out += text.data();
  out += "]:";
}

}  // namespace

void AppendEndpoint(AddressFamily family, const Endpoint& endpoint, std::string& out) {
  switch (family) {
    case AddressFamily::kNone:
      out += "unknown";
      return;
    case AddressFamily::kIpv4:
      AppendIpv4(endpoint, out);
      break;
    case AddressFamily::kIpv6:
      AppendIpv6(endpoint, out);
      break;
  }
  AppendDecimal(endpoint.port, out);
}

void AppendTuple(const Tuple& tuple, std::string& out) {
  AppendEndpoint(tuple.family, tuple.local, out);
  if (tuple.family == AddressFamily::kNone) return;
  out.push_back('-');
  AppendEndpoint(tuple.family, tuple.remote, out);
}

}  // namespace tlscope
