// SPDX-License-Identifier: Apache-2.0
#include "agent/options/help_format.h"

#include <CLI/CLI.hpp>
#include <memory>
#include <sstream>
#include <string_view>

namespace tlscope {
namespace {

constexpr std::size_t kUsageColumns = 32;
constexpr std::size_t kLineColumns = 100;

/// `text` in lines of at most so many bytes, as far as its words allow.
std::string Wrapped(const std::string& text, std::size_t columns) {
  std::istringstream words(text);
  std::string wrapped;
  std::size_t used = 0;
  for (std::string word; words >> word;) {
    if (used != 0 && used + 1 + word.size() > columns) {
      wrapped += '\n';
      used = 0;
    } else if (used != 0) {
      wrapped += ' ';
      ++used;
    }
    wrapped += word;
    used += word.size();
  }
  return wrapped;
}

class HelpFormatter final : public CLI::Formatter {
 public:
  HelpFormatter() { column_width(kUsageColumns); }

  std::string make_option_name(const CLI::Option* option, bool /*positional*/) const override {
    return OptionUsage(*option);
  }
  std::string make_option_opts(const CLI::Option* /*option*/) const override { return {}; }
  std::string make_option_desc(const CLI::Option* option) const override {
    return Wrapped(OptionHelp(*option), kLineColumns - kUsageColumns);
  }
  std::string make_option_usage(const CLI::Option* option) const override {
    return option->get_required() ? OptionUsage(*option) : "[" + OptionUsage(*option) + "]";
  }
};

}  // namespace

std::string OptionUsage(const CLI::Option& option) {
  std::string type = option.get_type_size() == 0 ? "" : option.get_type_name();
  if (option.get_positional()) return type;
  const std::string name = option.get_name(false, true);
  return type.empty() ? name : name + " " + type;
}

std::string OptionHelp(const CLI::Option& option) {
  const std::string initial = option.get_type_size() == 0 ? "" : option.get_default_str();
  const std::string& help = option.get_description();
  return initial.empty() ? help : help + " (default: " + initial + ")";
}

void UseHelpFormat(CLI::App& app) { app.formatter(std::make_shared<HelpFormatter>()); }

}  // namespace tlscope
