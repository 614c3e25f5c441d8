// SPDX-License-Identifier: Apache-2.0
#include "parsers/http1/skipped_bytes.h"

#include <utility>

namespace tlscope::http1 {

void SkippedBytes::Append(std::string_view bytes, std::uint64_t first_ktime_ns,
                          std::uint64_t last_ktime_ns) {
  if (!message_) message_ = std::make_unique<MessageBuilder>(limits_, budget_);
  if (message_->empty()) message_->message().first_ktime_ns = first_ktime_ns;
  message_->message().last_ktime_ns = last_ktime_ns;
  message_->Append(bytes, 0);
}

void SkippedBytes::EndEarly() {
  if (message_) message_->message().complete = false;
}

void SkippedBytes::AddGap(std::uint64_t bytes) {
  if (message_ && !message_->empty()) message_->AddGap(bytes);
}

void SkippedBytes::Emit(MessageHandler& handler) {
  if (!message_) return;
  if (!message_->empty()) message_->Emit(handler);
  message_.reset();
}

std::optional<std::string> SkippedBytes::TakeWhole() {
  if (!message_) return std::nullopt;
  const Message& message = message_->message();
  if (message.cut_bytes != 0 || !message.gaps.empty()) return std::nullopt;
  std::string bytes = std::move(message_->message().body);
  message_.reset();
  return bytes;
}

}  // namespace tlscope::http1
