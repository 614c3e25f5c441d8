// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <bit>
#include <cstdint>

namespace tlscope {

/// A secret that makes KeyedHash unpredictable to whoever does not know it.
struct HashKey {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
};

/// Of the operating system's randomness.
HashKey RandomHashKey();

/// Likewise: random enough never to meet another.
std::uint64_t RandomId();

/// SipHash-2-4 (Aumasson and Bernstein, 2012) of two words, the first one's bytes first. A keyed
/// one-way function: it names things by addresses in outputs without giving the addresses away.
inline std::uint64_t KeyedHash(const HashKey& key, std::uint64_t first, std::uint64_t second) {
  std::uint64_t a = key.low ^ 0x736f6d6570736575U;
  std::uint64_t b = key.high ^ 0x646f72616e646f6dU;
  std::uint64_t c = key.low ^ 0x6c7967656e657261U;
  std::uint64_t d = key.high ^ 0x7465646279746573U;
  const auto rounds = [&](int count) {
    for (; count > 0; --count) {
      a += b;
      c += d;
      b = std::rotl(b, 13) ^ a;
      d = std::rotl(d, 16) ^ c;
      a = std::rotl(a, 32);
      c += b;
      a += d;
      b = std::rotl(b, 17) ^ c;
      d = std::rotl(d, 21) ^ a;
      c = std::rotl(c, 32);
    }
  };
  // The last block holds the length modulo 256 in its top byte and no data.
  for (const std::uint64_t block : std::array{first, second, std::uint64_t{16} << 56}) {
    d ^= block;
    rounds(2);
    a ^= block;
  }
  c ^= 0xff;
  rounds(4);
  return a ^ b ^ c ^ d;
}

}  // namespace tlscope
