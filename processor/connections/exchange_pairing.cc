// SPDX-License-Identifier: Apache-2.0
#include "processor/connections/exchange_pairing.h"

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <utility>

#include "parsers/core/header_field.h"

namespace tlscope {
namespace {

constexpr std::uint16_t kSwitchingProtocols = 101;

// Fewer halves are not worth moving the others to the front.
constexpr std::size_t kMinShift = 64;

bool IsRequest(ParserType type) {
  return type == ParserType::kHttp1Request || type == ParserType::kHttp2Request;
}

// RFC 7540 3.2: after a 101 to h2c the response comes as HTTP/2, on stream 1.
bool IsFollowedByResponse(const Message& message) {
  return message.status == kSwitchingProtocols && FindField(message.head, "upgrade") == "h2c";
}

bool IsFinalResponse(const Message& message) {
  if (message.parser != ParserType::kHttp1Response &&
      message.parser != ParserType::kHttp2Response) {
    return false;
  }
  const bool later_part = message.part > 1 && message.status == 0;
  const bool switches = message.status == kSwitchingProtocols && !IsFollowedByResponse(message);
  return message.status >= 200 || switches || later_part;
}

// Of a message in parts the first has the head, and the last the sizes of the whole.
bool Begins(const Message& message) { return message.part <= 1; }
bool Ends(const Message& message) { return message.part == 0 || message.last_part; }

void TakeRequestLine(Message& message, Exchange& exchange) {
  exchange.request_ktime_ns = message.first_ktime_ns;
  exchange.method = message.method.substr(0, ExchangePairing::kMaxMethod);
  exchange.target = std::move(message.target);
  if (exchange.target.size() > ExchangePairing::kMaxTarget) {
    exchange.target.resize(ExchangePairing::kMaxTarget);
    exchange.target.shrink_to_fit();
  }
  exchange.host = FindHost(message.head).substr(0, ExchangePairing::kMaxHost);
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

std::size_t HeldBytes(const Exchange& exchange) { return sizeof exchange + TextBytes(exchange); }

}  // namespace

ExchangePairing::~ExchangePairing() {
  while (TakeWaiting()) {
  }
}

std::optional<Exchange> ExchangePairing::Pair(Message&& message) {
  const bool request = IsRequest(message.parser);
  if (!request && !IsFinalResponse(message)) return std::nullopt;
  if (message.exchange == 0) {
    if (!Begins(message)) return std::nullopt;  // its first part was all that is told of it
    Exchange half;
    if (request) TakeRequestLine(message, half);
    request ? NoteRequest(message, half) : NoteResponse(message, half);
    return half;
  }

  Exchange* const exchange = Find(message.exchange);
  if (exchange == nullptr) return std::nullopt;
  if (request && Begins(message)) KeepRequestLine(*exchange, message);
  request ? NoteRequest(message, *exchange) : NoteResponse(message, *exchange);
  if (!exchange->has_request || !exchange->has_response) return std::nullopt;
  return Remove(static_cast<std::size_t>(exchange - pending_.data()));
}

std::optional<Exchange> ExchangePairing::TakeWaiting() {
  if (pending_.empty()) return std::nullopt;
  return Remove(first_);
}

void ExchangePairing::GiveUpOldest() {
  Remove(first_);
  ++lost_;
}

/// Where `number` waits; a new half when it does not yet, and nothing when there is no room for it.
Exchange* ExchangePairing::Find(std::uint64_t number) {
  const auto before = [](const Exchange& exchange, std::uint64_t sought) {
    return exchange.number < sought;
  };
  const auto begin = [this] { return pending_.begin() + static_cast<std::ptrdiff_t>(first_); };
  auto place = std::lower_bound(begin(), pending_.end(), number, before);
  if (place != pending_.end() && place->number == number) return &*place;
  if (pending_.size() - first_ == kMaxPending) GiveUpOldest();
  if (!budget_.Take(sizeof(Exchange))) {
    ++lost_;
    return nullptr;
  }
  place = std::lower_bound(begin(), pending_.end(), number, before);
  place = pending_.emplace(place);
  place->number = number;
  return &*place;
}

Exchange ExchangePairing::Remove(std::size_t index) {
  Exchange removed = std::move(pending_[index]);
  budget_.Give(HeldBytes(removed));
  if (index == first_) {
    ++first_;
  } else {
    pending_.erase(pending_.begin() + static_cast<std::ptrdiff_t>(index));
  }
  if (first_ == pending_.size()) {
    pending_.clear();
    first_ = 0;
    // A burst of pipelined requests is no reason for an idle connection to stay large.
    if (pending_.capacity() > 4) pending_.shrink_to_fit();
  } else if (2 * first_ >= pending_.size() && first_ >= kMinShift) {
    pending_.erase(pending_.begin(), pending_.begin() + static_cast<std::ptrdiff_t>(first_));
    first_ = 0;
  }
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
