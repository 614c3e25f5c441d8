// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/CLI.hpp>

#include "agent/collect/collect.h"

namespace tlscope {

/// Adds `collect` to `app`; what is given for it goes into `options`. Both are borrowed.
CLI::App* AddCollect(CLI::App& app, CollectOptions& options);

}  // namespace tlscope
