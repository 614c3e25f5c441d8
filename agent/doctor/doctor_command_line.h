// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/doctor/doctor.h"

namespace CLI {
class App;
}

namespace tlscope {

/// Adds `doctor` to `app`; what is given for it goes into `options`. Both are borrowed.
CLI::App* AddDoctor(CLI::App& app, DoctorOptions& options);

}  // namespace tlscope
