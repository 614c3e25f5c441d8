// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "processor/base/keyed_hash.h"
#include "processor/events/kernel_records.h"

namespace tlscope {

/// For tables by identity. The addresses in it are chosen by others: the key keeps them from being
/// chosen to collide.
struct IdHash {
  HashKey key;

  std::size_t operator()(const SslId& id) const {
    return KeyedHash(key, id.address, id.generation ^ std::uint64_t{id.pid} << 32);
  }
  std::size_t operator()(const SocketId& id) const {
    return KeyedHash(key, id.address, id.generation);
  }
};

}  // namespace tlscope
