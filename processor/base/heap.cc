// SPDX-License-Identifier: Apache-2.0
#include "processor/base/heap.h"

#include <malloc.h>

namespace tlscope {

void KeepFreedMemory() {
  // NOLINTBEGIN(concurrency-mt-unsafe): there are no other threads yet.
  mallopt(M_TRIM_THRESHOLD, 64 << 20);
  // Setting the one stops glibc from adapting the other: this is as far as it would go by itself.
  mallopt(M_MMAP_THRESHOLD, 32 << 20);
  // NOLINTEND(concurrency-mt-unsafe)
}

}  // namespace tlscope
