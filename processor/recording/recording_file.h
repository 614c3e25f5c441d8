// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "processor/base/result.h"
#include "processor/base/unique_fd.h"

namespace tlscope {

/// Makes the file of a recording, which nobody else may read (0600). One that is there is left as
/// it is (kUsage), unless `replace`; then it is removed first, if it is a regular file: whoever has
/// it open does not get to see the new one.
Result<UniqueFd> MakeRecordingFile(const std::string& path, bool replace);

}  // namespace tlscope
