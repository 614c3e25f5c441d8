// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "agent/doctor/report.h"
#include "agent/probes/probe_session.h"

namespace tlscope {

/// Adds to the report what the kernel is and allows, and which privileges this process has. Returns
/// the programs, loaded, if that was possible.
std::unique_ptr<ProbeSession> CheckHost(const std::string& btf_path, DoctorReport& report);

}  // namespace tlscope
