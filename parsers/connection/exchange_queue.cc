// SPDX-License-Identifier: Apache-2.0
#include "parsers/connection/exchange_queue.h"

#include <cstddef>

namespace tlscope::http1 {
namespace {

constexpr std::size_t kMaxTokenBytes = 256;

Trust AfterRequest(Trust trust, bool response_open) {
  switch (trust) {
    case Trust::kSure:
    case Trust::kSureStray:
      return Trust::kSure;
    case Trust::kSettled:
    case Trust::kSettledStray:
      return response_open ? Trust::kOwed : Trust::kSure;
    case Trust::kOwed:
    case Trust::kLost:
      break;
  }
  return trust;
}

Trust AfterRequestLoss(Trust trust) {
  switch (trust) {
    case Trust::kSure:
    case Trust::kSettled:
      return Trust::kOwed;
    case Trust::kSureStray:
      return Trust::kSettledStray;
    case Trust::kSettledStray:
    case Trust::kOwed:
    case Trust::kLost:
      break;
  }
  return trust;
}

Trust AfterStrayResponse(Trust trust) {
  switch (trust) {
    case Trust::kSure:
    case Trust::kSureStray:
      return Trust::kSureStray;
    case Trust::kOwed:
    case Trust::kSettled:
    case Trust::kSettledStray:
      return Trust::kSettledStray;
    case Trust::kLost:
      break;
  }
  return trust;
}

Trust AfterResponseLoss(Trust trust, bool outstanding) {
  switch (trust) {
    case Trust::kSure:
      return outstanding ? Trust::kOwed : Trust::kSettled;
    case Trust::kSureStray:
      return Trust::kSettledStray;
    case Trust::kOwed:
    case Trust::kSettled:
    case Trust::kSettledStray:
    case Trust::kLost:
      break;
  }
  return trust;
}

}  // namespace

std::uint64_t ExchangeQueue::OnRequest(MethodKind method, bool upgrade_asked) {
  ++last_exchange_;
  Enter(AfterRequest(trust_, response_open_));
  if (trust_ != Trust::kSure) {
    ++unpaired_;
    return 0;
  }
  if (pending() == kMaxPending) {
    Pop();
    ++forgotten_;
  }
  pending_.push_back({last_exchange_, method, upgrade_asked});
  return last_exchange_;
}

void ExchangeQueue::OnRequestLoss() { Enter(AfterRequestLoss(trust_)); }

PendingRequest ExchangeQueue::Next() const {
  if (forgotten_ != 0 || pending() == 0) return {};
  return pending_[first_];
}

void ExchangeQueue::OnFinalResponse() {
  response_open_ = true;
  if (Outstanding() > 1) {
    pipelined_ = true;
    Enter(trust_);
  }
  if (forgotten_ != 0) {
    --forgotten_;
  } else if (pending() != 0) {
    Pop();
  } else {
    Enter(AfterStrayResponse(trust_));
    unpaired_ = 0;
  }
}

void ExchangeQueue::OnResponseLoss() {
  Enter(AfterResponseLoss(trust_, Outstanding() != 0));
  unpaired_ = 0;
  forgotten_ = 0;
  pending_.clear();
  first_ = 0;
}

void ExchangeQueue::OnFinalResponseEnd() { response_open_ = false; }

void ExchangeQueue::OnUpgrade(UpgradeKind kind, std::string_view token,
                              const websocket::Extensions& extensions) {
  upgrade_ = kind;
  extensions_ = extensions;
  upgrade_token_ = token.substr(0, kMaxTokenBytes);
}

void ExchangeQueue::Enter(Trust trust) {
  const bool sure = trust == Trust::kSure || trust == Trust::kSureStray;
  trust_ = sure || !pipelined_ ? trust : Trust::kLost;
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
