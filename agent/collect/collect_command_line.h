// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/collect/collect.h"

namespace CLI {
class App;
}

namespace tlscope {

/// Adds `collect` to `app`; what is given for it goes into `options`. Both are borrowed.
CLI::App* AddCollect(CLI::App& app, CollectOptions& options);

}  // namespace tlscope
