// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "processor/unique_fd.h"  // IWYU pragma: export
