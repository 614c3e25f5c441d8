// SPDX-License-Identifier: Apache-2.0
#include "processor/outputs/output.h"

#include <utility>
#include <variant>

namespace tlscope {
namespace {

/// 0 for events of no connection.
std::uint64_t ConnectionIdOf(const BusPayload& payload) {
  return std::visit(
      [](const auto& event) -> std::uint64_t {
        if constexpr (requires { event.connection; }) return event.connection.correlation.root;
        return 0;
      },
      payload);
}

}  // namespace

Output::Output(std::shared_ptr<Format> format, Sink& sink)
    : format_(std::move(format)), sink_(sink) {}

void Output::Start() {
  std::string start = format_->Start();
  if (!start.empty() && !sink_.Push(std::move(start))) ++stats_.refused_events;
}

void Output::OnBusEvent(Topic /*topic*/, const BusPayload& payload) noexcept {
  std::string block;
  format_->Append(payload, block);
  if (block.empty()) return;
  ++stats_.events;
  stats_.bytes += block.size();
  if (!sink_.PushOf(ConnectionIdOf(payload), std::move(block))) ++stats_.refused_events;
}

}  // namespace tlscope
