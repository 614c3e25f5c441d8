// SPDX-License-Identifier: Apache-2.0
#include "agent/this_process/standard_descriptors.h"

#include <fcntl.h>
#include <unistd.h>

namespace tlscope {

void TakeStandardDescriptors() noexcept {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    if (fcntl(fd, F_GETFD) >= 0) continue;
    // open(2) takes the lowest number that is free, which is `fd`. The wrong way round: what cannot
    // work is to fail rather than to go nowhere.
    open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
  }
}

}  // namespace tlscope
