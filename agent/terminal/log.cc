// SPDX-License-Identifier: Apache-2.0
#include "agent/terminal/log.h"

#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <mutex>
#include <string>

namespace tlscope {
namespace {

// ECMA-48: to the beginning of the line, and erase it.
constexpr std::string_view kErase = "\r\x1b[K";

// Where the terminal does not say.
constexpr std::size_t kUsualColumns = 80;

std::size_t Columns() {
  winsize size{};
  const bool told = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return told ? size.ws_col : kUsualColumns;
}

void Write(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stderr);
  std::fflush(stderr);
}

/// Lines of the log, and below them one that changes.
class StderrSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  void Show(std::string_view line, bool last) {
    const std::lock_guard lock(mutex_);
    // The last column is left free: some terminals go on to the next line from there.
    below_ = line.substr(0, Columns() - 1);
    Write(std::string(kErase) + below_ + (last ? "\n" : ""));
    if (last) below_.clear();
  }

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t formatted;
    formatter_->format(message, formatted);
    const std::string_view text(formatted.data(), formatted.size());
    if (below_.empty()) return Write(text);
    Write(std::string(kErase) + std::string(text) + below_);
  }
  void flush_() override {}

 private:
  std::string below_;
};

}  // namespace

void OpenLog(LogLevel level) {
  auto log = std::make_shared<spdlog::logger>("tlscope", std::make_shared<StderrSink>());
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

void ShowBelowLog(std::string_view line, bool last) {
  for (const spdlog::sink_ptr& sink : spdlog::default_logger_raw()->sinks()) {
    if (auto* const ours = dynamic_cast<StderrSink*>(sink.get())) ours->Show(line, last);
  }
}

}  // namespace tlscope
