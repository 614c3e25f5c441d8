// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include "processor/events/kernel_records.h"
#include "processor/wire/proto_writer.h"
#include "tlscope/v1/events.pb.h"

namespace tlscope {

/// Writes one end of a connection as the v1::Endpoint in `field`: 4 or 16 bytes of address, in
/// network order. Nothing when the connection's addresses are not known.
inline void PutEndpoint(int field, const Endpoint& endpoint, AddressFamily family,
                        ProtoWriter& out) {
  if (family == AddressFamily::kNone) return;
  const auto nested = out.Begin(field, 20);
  out.Bytes(v1::Endpoint::kAddressFieldNumber,
            {reinterpret_cast<const char*>(endpoint.address.data()),
             family == AddressFamily::kIpv4 ? std::size_t{4} : std::size_t{16}});
  out.Varint(v1::Endpoint::kPortFieldNumber, endpoint.port);
  out.End(nested);
}

}  // namespace tlscope
