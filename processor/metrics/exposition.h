// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "processor/metrics/metric.h"

namespace tlscope {

/// What PrometheusText writes, as HTTP's Content-Type names it.
inline constexpr std::string_view kPrometheusContentType =
    "text/plain; version=0.0.4; charset=utf-8";

/// The families in Prometheus' text format, in the order given. Integers are written exactly,
/// floating-point numbers as shortly as reads back the same. A label's value is always valid UTF-8:
/// control characters, and bytes that are not, stand as \xNN. Any thread.
std::string PrometheusText(std::span<const MetricFamily> families);

}  // namespace tlscope
