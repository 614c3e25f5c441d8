// SPDX-License-Identifier: Apache-2.0
#include "parsers/connection/exchange_queue.h"

#include <cstddef>

namespace tlscope::http1 {
namespace {

constexpr std::size_t kMaxTokenBytes = 256;

}  // namespace

std::uint64_t ExchangeQueue::OnRequest(MethodKind method, bool upgrade_asked) {
  ++last_exchange_;
  unclaimed_ = false;
  if (in_doubt_) {
    if (!MayResume()) {
      ++unpaired_;
      return 0;
    }
    in_doubt_ = false;
  }
  if (pending() == kMaxPending) {
    Pop();
    ++forgotten_;
  }
  pending_.push_back({last_exchange_, method, upgrade_asked});
  return last_exchange_;
}

void ExchangeQueue::OnRequestLoss() {
  if (!in_doubt_) unpaired_ = 0;
  in_doubt_ = true;
  // The loss may be noticed after the lost request's response has come.
  if (!unclaimed_) answer_owed_ = true;
}

void ExchangeQueue::OnResponseLoss() {
  if (pending() + forgotten_ + unpaired_ != 0) answer_owed_ = true;
  in_doubt_ = true;
  unpaired_ = 0;
  forgotten_ = 0;
  pending_.clear();
  first_ = 0;
}

bool ExchangeQueue::MayResume() const {
  return !pipelined_ && !response_open_ && !answer_owed_ && unpaired_ == 0 && pending() == 0 &&
         forgotten_ == 0;
}

PendingRequest ExchangeQueue::Next() const {
  if (forgotten_ != 0 || pending() == 0) return {};
  return pending_[first_];
}

void ExchangeQueue::OnFinalResponse() {
  response_open_ = true;
  if (pending() + forgotten_ + unpaired_ > 1) pipelined_ = true;
  if (forgotten_ != 0) {
    --forgotten_;
  } else if (pending() != 0) {
    Pop();
  } else {
    unclaimed_ = true;
    answer_owed_ = false;
    if (unpaired_ != 0) --unpaired_;
  }
}

void ExchangeQueue::OnFinalResponseEnd() { response_open_ = false; }

void ExchangeQueue::OnUpgrade(UpgradeKind kind, std::string_view token,
                              const websocket::Extensions& extensions) {
  upgrade_ = kind;
  extensions_ = extensions;
  upgrade_token_ = token.substr(0, kMaxTokenBytes);
}

void ExchangeQueue::Pop() {
  ++first_;
  if (first_ == pending_.size()) {
    pending_.clear();
    first_ = 0;
  } else if (first_ >= kMaxPending) {
    pending_.erase(pending_.begin(), pending_.begin() + static_cast<std::ptrdiff_t>(first_));
    first_ = 0;
  }
}

}  // namespace tlscope::http1
