// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/probes/attach_strategy.h"

namespace tlscope {

/// Whether the running kernel has the hooks of a strategy. It is asked with programs that do
/// nothing, of which no verifier has to be convinced: a strategy that the kernel has and that does
/// not load is a fault of ours. Root; true of kAuto.
bool KernelHas(AttachStrategy strategy);

}  // namespace tlscope
