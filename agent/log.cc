// SPDX-License-Identifier: Apache-2.0
#include "agent/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <utility>

namespace tlscope {

void OpenLog(LogLevel level) {
  auto log = spdlog::stderr_logger_mt("tlscope");
  log->set_pattern("%n: %v");
  log->flush_on(spdlog::level::trace);
  spdlog::set_default_logger(std::move(log));
  SetLogLevel(level);
}

void SetLogLevel(LogLevel level) {
  switch (level) {
    case LogLevel::kWarn:
      return spdlog::set_level(spdlog::level::warn);
    case LogLevel::kInfo:
      return spdlog::set_level(spdlog::level::info);
    case LogLevel::kDebug:
      return spdlog::set_level(spdlog::level::debug);
  }
}

}  // namespace tlscope
