// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

namespace tlscope {

/// Writes what the file `from` holds to the empty file `to` as one gzip member (RFC 1952), both
/// from their beginning. `stop` is asked between chunks of 64 KiB. 0, ECANCELED when it was told to
/// stop, or the errno of what failed; then `to` is not to be used. Needs 512 KiB of memory.
int GzipFile(int from, int to, const std::function<bool()>& stop);

}  // namespace tlscope
