// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace tlscope {

/// Blocks every signal on the calling thread. Signals are the other threads' business; SIGPIPE and
/// SIGXFSZ are nobody's.
void BlockSignalsOnThisThread();

}  // namespace tlscope
