// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "processor/base/result.h"

namespace tlscope {

/// A key of a configuration file with its value, or the values of its list.
struct ConfigEntry {
  std::string key;
  std::vector<std::string> values;
  std::size_t line = 0;  ///< from 1
};

/// Reads the part of TOML (toml.io, 1.0) that options need: `key = value` with strings, numbers,
/// booleans and lists of these, over several lines if need be; comments; a table `[capture]`, whose
/// keys are as those before it. Values come out as they are written, strings without their quotes
/// and escapes. kUsage: it breaks these rules, or has a key twice; the error names the line.
Result<std::vector<ConfigEntry>> ReadConfig(std::string_view text);

/// The same of a file. kNotFound or kSystem when it cannot be read.
Result<std::vector<ConfigEntry>> ReadConfigFile(const std::string& path);

}  // namespace tlscope
