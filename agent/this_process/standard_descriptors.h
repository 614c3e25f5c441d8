// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace tlscope {

/// Takes those of descriptors 0, 1 and 2 that this process was started without (`>&-`), so that no
/// file or socket gets the number, and with it what is meant for a person or for a pipe. To read
/// from them or to write to them fails as it would have, with EBADF. Before anything is opened.
void TakeStandardDescriptors() noexcept;

}  // namespace tlscope
