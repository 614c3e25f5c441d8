// SPDX-License-Identifier: Apache-2.0
#include "processor/exchange_pairing.h"

#include <algorithm>
#include <utility>

namespace tlscope {
namespace {

constexpr std::uint16_t kSwitchingProtocols = 101;

bool IsRequest(ParserType type) {
  return type == ParserType::kHttp1Request || type == ParserType::kHttp2Request;
}

bool IsFinalResponse(const Message& message) {
  if (message.parser != ParserType::kHttp1Response &&
      message.parser != ParserType::kHttp2Response) {
    return false;
  }
  const bool later_part = message.part > 1 && message.status == 0;
  return message.status >= 200 || message.status == kSwitchingProtocols || later_part;
}

}  // namespace

ExchangePairing::~ExchangePairing() {
  for (const Exchange& exchange : pending_) budget_.Give(exchange.target.size());
}

std::optional<Exchange> ExchangePairing::Take(Message&& message) {
  if (message.exchange == 0) return std::nullopt;
  const bool request = IsRequest(message.parser);
  if (!request && !IsFinalResponse(message)) return std::nullopt;

  const std::size_t index = Find(message.exchange);
  Exchange& exchange = pending_[index];
  // Of a message in parts the first has the head, and the last the sizes of the whole.
  const bool begins = message.part <= 1;
  const bool ends = message.part == 0 || message.last_part;
  if (request) {
    if (begins) KeepRequestLine(exchange, message);
    exchange.has_request = ends;
    exchange.request_bytes = message.content_bytes;
  } else {
    if (begins) exchange.first_byte_ktime_ns = message.first_ktime_ns;
    if (begins) exchange.status = message.status;
    exchange.has_response = ends;
    exchange.response_bytes = message.content_bytes;
    exchange.last_byte_ktime_ns = message.last_ktime_ns;
  }
  if (!exchange.has_request || !exchange.has_response) return std::nullopt;
  return Remove(index);
}

/// Where `number` waits; a new half when it does not yet.
std::size_t ExchangePairing::Find(std::uint64_t number) {
  const auto same = [number](const Exchange& exchange) { return exchange.number == number; };
  const auto found = std::find_if(pending_.begin(), pending_.end(), same);
  if (found != pending_.end()) return static_cast<std::size_t>(found - pending_.begin());
  if (pending_.size() == kMaxPending) {
    const auto older = [](const Exchange& a, const Exchange& b) { return a.number < b.number; };
    const auto oldest = std::min_element(pending_.begin(), pending_.end(), older);
    Remove(static_cast<std::size_t>(oldest - pending_.begin()));
    ++lost_;
  }
  pending_.emplace_back().number = number;
  return pending_.size() - 1;
}

Exchange ExchangePairing::Remove(std::size_t index) {
  Exchange removed = std::move(pending_[index]);
  budget_.Give(removed.target.size());
  if (index + 1 != pending_.size()) pending_[index] = std::move(pending_.back());
  pending_.pop_back();
  // A burst of pipelined requests is no reason for an idle connection to stay large.
  if (pending_.empty() && pending_.capacity() > 4) pending_.shrink_to_fit();
  return removed;
}

void ExchangePairing::KeepRequestLine(Exchange& exchange, Message& message) {
  exchange.request_ktime_ns = message.first_ktime_ns;
  exchange.method = message.method.substr(0, kMaxMethod);
  budget_.Give(exchange.target.size());
  exchange.target = std::move(message.target);
  if (exchange.target.size() > kMaxTarget) {
    exchange.target.resize(kMaxTarget);
    exchange.target.shrink_to_fit();
  }
  if (!budget_.Take(exchange.target.size())) exchange.target = {};
}

}  // namespace tlscope
