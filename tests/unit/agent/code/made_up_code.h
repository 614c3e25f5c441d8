// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "agent/code/code_source.h"

namespace tlscope {

/// Functions and constants written down as bytes.
class MadeUpCode final : public CodeSource {
 public:
  MadeUpCode& Function(std::uint64_t address, std::string bytes) {
    functions_[address] = std::move(bytes);
    return *this;
  }

  MadeUpCode& Constants(std::uint64_t address, std::string bytes) {
    constants_[address] = std::move(bytes);
    return *this;
  }

  std::size_t ReadCode(std::uint64_t address, std::span<std::uint8_t> out) const override {
    return Copy(functions_, address, out);
  }

  bool ReadConstants(std::uint64_t address, std::span<std::uint8_t> out) const override {
    return Copy(constants_, address, out) == out.size();
  }

  std::optional<CodeRange> FunctionAt(std::uint64_t address) const override {
    const auto after = functions_.upper_bound(address);
    if (after == functions_.begin()) return std::nullopt;
    const auto& [begin, bytes] = *std::prev(after);
    const CodeRange range{begin, begin + bytes.size()};
    return range.Holds(address) ? std::optional(range) : std::nullopt;
  }

 private:
  using Pieces = std::map<std::uint64_t, std::string>;

  static std::size_t Copy(const Pieces& pieces, std::uint64_t address,
                          std::span<std::uint8_t> out) {
    const auto after = pieces.upper_bound(address);
    if (after == pieces.begin()) return 0;
    const auto& [begin, bytes] = *std::prev(after);
    if (address - begin >= bytes.size()) return 0;
    const std::size_t size = std::min<std::size_t>(out.size(), bytes.size() - (address - begin));
    std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(address - begin), size, out.begin());
    return size;
  }

  Pieces functions_;
  Pieces constants_;
};

}  // namespace tlscope
