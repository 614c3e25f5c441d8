// SPDX-License-Identifier: Apache-2.0
#include "processor/formats/endpoint_text.h"

#include <arpa/inet.h>

#include <array>
#include <cstddef>

#include "processor/formats/decimal.h"

namespace tlscope {

void AppendEndpoint(AddressFamily family, const Endpoint& endpoint, std::string& out) {
  switch (family) {
    case AddressFamily::kNone:
      out += "unknown";
      return;
    case AddressFamily::kIpv4:
      for (std::size_t i = 0; i < 4; ++i) {
        if (i != 0) out.push_back('.');
        AppendDecimal(endpoint.address[i], out);
      }
      break;
    case AddressFamily::kIpv6: {
      std::array<char, INET6_ADDRSTRLEN> text{};
      inet_ntop(AF_INET6, endpoint.address.data(), text.data(), text.size());
      out.push_back('[');
      out += text.data();
      out.push_back(']');
      break;
    }
  }
  out.push_back(':');
  AppendDecimal(endpoint.port, out);
}

void AppendTuple(const Tuple& tuple, std::string& out) {
  AppendEndpoint(tuple.family, tuple.local, out);
  if (tuple.family == AddressFamily::kNone) return;
  out.push_back('-');
  AppendEndpoint(tuple.family, tuple.remote, out);
}

}  // namespace tlscope
