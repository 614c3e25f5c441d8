// SPDX-License-Identifier: Apache-2.0
#include "processor/output.h"

#include <utility>

namespace tlscope {

Output::Output(std::unique_ptr<Format> format, Sink& sink)
    : format_(std::move(format)), sink_(sink) {}

void Output::OnBusEvent(Topic /*topic*/, const BusPayload& payload) noexcept {
  std::string block;
  format_->Append(payload, block);
  if (block.empty()) return;
  ++stats_.events;
  stats_.bytes += block.size();
  if (!sink_.Push(std::move(block))) ++stats_.refused_events;
}

}  // namespace tlscope
