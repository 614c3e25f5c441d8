// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "processor/base/result.h"

namespace tlscope {

/// A key of a configuration file with its value, or the values of its list.
struct ConfigEntry {
  std::string key;
  std::vector<std::string> values;
  std::uint32_t line = 0;    ///< of the key, from 1
  std::uint32_t column = 0;  ///< in characters, from 1
};

/// Reads a configuration file's text: TOML 1.0 (toml.io) whose values are strings, integers,
/// booleans and lists of these, at the top or in a table `[capture]`, which means the same. Words,
/// sizes and other numbers may stand without quotes (`tsize = 64KiB`) and come out as they are
/// written. Entries are in the order of the file. kUsage: it breaks these rules, or has a key
/// twice; the error names the place as PATH:LINE:COLUMN and says what to write.
Result<std::vector<ConfigEntry>> ReadConfig(std::string_view text, const std::string& path);

/// The same for the file itself. kNotFound or kSystem when it cannot be read.
Result<std::vector<ConfigEntry>> ReadConfigFile(const std::string& path);

/// "PATH:LINE:COLUMN", as editors and compilers write a place.
std::string PlaceOf(const ConfigEntry& entry, const std::string& path);

}  // namespace tlscope
