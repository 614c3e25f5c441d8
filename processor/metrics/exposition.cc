// SPDX-License-Identifier: Apache-2.0
#include "processor/metrics/exposition.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <variant>

#include "processor/text/printable.h"

namespace tlscope {
namespace {

// The rules, here and below: https://prometheus.io/docs/instrumenting/exposition_formats/,
// "Comments, help text, and type information".
enum class Quoted { kHelp, kLabelValue };

void AppendQuoted(std::string_view text, Quoted as, std::string& out) {
  for (const char byte : text) {
    switch (byte) {
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '"':
        out += as == Quoted::kLabelValue ? "\\\"" : "\"";
        break;
      default:
        out += byte;
    }
  }
}

/// One value that is not UTF-8, such as a file's name, would make Prometheus refuse the whole text.
void AppendLabelValue(std::string_view value, std::string& out) {
  std::string printable;
  AppendForTerminal(value, printable);
  AppendQuoted(printable, Quoted::kLabelValue, out);
}

void AppendNumber(std::uint64_t value, std::string& out) { out += std::to_string(value); }

void AppendNumber(double value, std::string& out) {
  if (std::isnan(value)) {
    out += "NaN";
  } else if (std::isinf(value)) {
    out += value > 0 ? "+Inf" : "-Inf";
  } else {
    std::array<char, 32> digits;  // the shortest form of a double has at most 24
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
    out.append(digits.data(), end);
  }
}

void AppendSample(const MetricSample& sample, const std::string& name, std::string& out) {
  out += name;
  char separator = '{';
  for (const auto& [label, value] : sample.labels) {
    out += separator;
    out += label;
    out += "=\"";
    AppendLabelValue(value, out);
    out += '"';
    separator = ',';
  }
  if (!sample.labels.empty()) out += '}';
  out += ' ';
  std::visit([&out](auto value) { AppendNumber(value, out); }, sample.value);
  out += '\n';
}

}  // namespace

std::string PrometheusText(std::span<const MetricFamily> families) {
  std::string out;
  for (const MetricFamily& family : families) {
    out += "# HELP " + family.name + ' ';
    AppendQuoted(family.help, Quoted::kHelp, out);
    out += "\n# TYPE " + family.name;
    out += family.type == MetricType::kCounter ? " counter\n" : " gauge\n";
    for (const MetricSample& sample : family.samples) AppendSample(sample, family.name, out);
  }
  return out;
}

}  // namespace tlscope
