// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace tlscope {

/// Has the allocator keep up to 64 MiB of freed memory for the next message. Left alone it gives
/// the pages of every large message back to the kernel and faults them in again for the next one,
/// which costs ten times the copying. Call once, before other threads start.
void KeepFreedMemory();

}  // namespace tlscope
