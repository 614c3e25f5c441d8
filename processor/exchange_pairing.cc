// SPDX-License-Identifier: Apache-2.0
#include "processor/exchange_pairing.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "parsers/header_field.h"

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

// Of a message in parts the first has the head, and the last the sizes of the whole.
bool Begins(const Message& message) { return message.part <= 1; }
bool Ends(const Message& message) { return message.part == 0 || message.last_part; }

std::string_view HostOf(const Message& message) {
  const std::string_view authority = FindField(message.head, ":authority");
  return authority.empty() ? FindField(message.head, "host") : authority;
}

void TakeRequestLine(Message& message, Exchange& exchange) {
  exchange.request_ktime_ns = message.first_ktime_ns;
  exchange.method = message.method.substr(0, ExchangePairing::kMaxMethod);
  exchange.target = std::move(message.target);
  if (exchange.target.size() > ExchangePairing::kMaxTarget) {
    exchange.target.resize(ExchangePairing::kMaxTarget);
    exchange.target.shrink_to_fit();
  }
  exchange.host = HostOf(message).substr(0, ExchangePairing::kMaxHost);
}

void NoteRequest(const Message& message, Exchange& exchange) {
  exchange.has_request = Ends(message);
  exchange.request_bytes = message.content_bytes;
}

void NoteResponse(const Message& message, Exchange& exchange) {
  if (Begins(message)) {
    exchange.first_byte_ktime_ns = message.first_ktime_ns;
    exchange.status = message.status;
  }
  exchange.has_response = Ends(message);
  exchange.response_bytes = message.content_bytes;
  exchange.last_byte_ktime_ns = message.last_ktime_ns;
}

std::size_t TextBytes(const Exchange& exchange) {
  return exchange.target.size() + exchange.host.size();
}

}  // namespace

ExchangePairing::~ExchangePairing() {
  for (const Exchange& exchange : pending_) budget_.Give(TextBytes(exchange));
}

std::optional<Exchange> ExchangePairing::Take(Message&& message) {
  const bool request = IsRequest(message.parser);
  if (!request && !IsFinalResponse(message)) return std::nullopt;
  if (message.exchange == 0) {
    if (!Begins(message)) return std::nullopt;  // its first part was all that is told of it
    Exchange half;
    if (request) TakeRequestLine(message, half);
    request ? NoteRequest(message, half) : NoteResponse(message, half);
    return half;
  }

  const std::size_t index = Find(message.exchange);
  Exchange& exchange = pending_[index];
  if (request && Begins(message)) KeepRequestLine(exchange, message);
  request ? NoteRequest(message, exchange) : NoteResponse(message, exchange);
  if (!exchange.has_request || !exchange.has_response) return std::nullopt;
  return Remove(index);
}

std::optional<Exchange> ExchangePairing::TakeWaiting() {
  if (pending_.empty()) return std::nullopt;
  return Remove(Oldest());
}

std::size_t ExchangePairing::Oldest() const {
  const auto older = [](const Exchange& a, const Exchange& b) { return a.number < b.number; };
  const auto oldest = std::min_element(pending_.begin(), pending_.end(), older);
  return static_cast<std::size_t>(oldest - pending_.begin());
}

/// Where `number` waits; a new half when it does not yet.
std::size_t ExchangePairing::Find(std::uint64_t number) {
  const auto same = [number](const Exchange& exchange) { return exchange.number == number; };
  const auto found = std::find_if(pending_.begin(), pending_.end(), same);
  if (found != pending_.end()) return static_cast<std::size_t>(found - pending_.begin());
  if (pending_.size() == kMaxPending) {
    Remove(Oldest());
    ++lost_;
  }
  pending_.emplace_back().number = number;
  return pending_.size() - 1;
}

Exchange ExchangePairing::Remove(std::size_t index) {
  Exchange removed = std::move(pending_[index]);
  budget_.Give(TextBytes(removed));
  if (index + 1 != pending_.size()) pending_[index] = std::move(pending_.back());
  pending_.pop_back();
  // A burst of pipelined requests is no reason for an idle connection to stay large.
  if (pending_.empty() && pending_.capacity() > 4) pending_.shrink_to_fit();
  return removed;
}

void ExchangePairing::KeepRequestLine(Exchange& exchange, Message& message) {
  budget_.Give(TextBytes(exchange));
  TakeRequestLine(message, exchange);
  if (budget_.Take(TextBytes(exchange))) return;
  exchange.target = {};
  exchange.host = {};
}

}  // namespace tlscope
