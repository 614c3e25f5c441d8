// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace tlscope {

enum class MetricType : std::uint8_t {
  kCounter,  ///< only grows while the process lives
  kGauge,    ///< goes up and down
};

/// One number of a family. Families with several have labels that tell them apart.
struct MetricSample {
  std::vector<std::pair<std::string, std::string>> labels;  ///< name and value; values: any bytes
  std::variant<std::uint64_t, double> value;
};

/// Everything of one name. Names of metrics and labels are of the form [a-z_][a-z0-9_]*.
struct MetricFamily {
  std::string name;
  std::string help;  ///< a sentence for people
  MetricType type;
  std::vector<MetricSample> samples;
};

}  // namespace tlscope
