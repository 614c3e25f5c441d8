// SPDX-License-Identifier: Apache-2.0
#include "processor/base/keyed_hash.h"

#include <random>

namespace tlscope {

HashKey RandomHashKey() {
  std::random_device device;
  const auto word = [&device] { return std::uint64_t{device()} << 32 | device(); };
  return {word(), word()};
}

std::uint64_t RandomId() {
  std::random_device device;
  return std::uint64_t{device()} << 32 | device();
}

}  // namespace tlscope
