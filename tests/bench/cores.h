// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sched.h>

namespace tlscope {

/// Two threads that wait for each other without sleeping need a core each: on one, they wait for
/// the scheduler.
class TwoCores {
 public:
  /// Looks which cores the calling thread may use.
  TwoCores() { sched_getaffinity(0, sizeof before_, &before_); }
  /// The thread that made it may use them all again.
  ~TwoCores() { sched_setaffinity(0, sizeof before_, &before_); }
  TwoCores(const TwoCores&) = delete;
  TwoCores& operator=(const TwoCores&) = delete;

  bool there() const { return CPU_COUNT(&before_) >= 2; }

  /// Keeps the calling thread on the first of them (0), or the second (1).
  void Take(int nth) const {
    for (int core = 0; core < CPU_SETSIZE; ++core) {
      if (!CPU_ISSET(core, &before_) || nth-- > 0) continue;
      cpu_set_t only;
      CPU_ZERO(&only);
      CPU_SET(core, &only);
      sched_setaffinity(0, sizeof only, &only);
      return;
    }
  }

 private:
  cpu_set_t before_;
};

}  // namespace tlscope
