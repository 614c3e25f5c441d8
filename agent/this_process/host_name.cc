// SPDX-License-Identifier: Apache-2.0
#include "agent/this_process/host_name.h"

#include <unistd.h>

#include <array>

namespace tlscope {

std::string HostName() {
  std::array<char, 256> name{};  // HOST_NAME_MAX is 64
  return gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

}  // namespace tlscope
