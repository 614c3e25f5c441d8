// SPDX-License-Identifier: Apache-2.0
#include "processor/base/thread_signals.h"

#include <pthread.h>

#include <csignal>

namespace tlscope {

void BlockSignalsOnThisThread() {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, nullptr);
}

}  // namespace tlscope
