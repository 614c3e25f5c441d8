// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "parsers/connection/exchange_queue.h"
#include "parsers/core/byte_budget.h"
#include "parsers/core/message.h"

namespace tlscope {

/// What is remembered of a request and its final response. Text is cut to the lengths named in
/// ExchangePairing, and empty when the budget was spent.
struct Exchange {
  std::uint64_t number = 0;  ///< Message::exchange
  bool has_request = false;
  bool has_response = false;
  std::uint16_t status = 0;
  std::string method;
  std::string target;
  std::string host;  ///< the request's Host or :authority
  std::uint64_t request_bytes = 0;
  std::uint64_t response_bytes = 0;
  std::uint64_t request_ktime_ns = 0;
  std::uint64_t first_byte_ktime_ns = 0;
  std::uint64_t last_byte_ktime_ns = 0;
};

/// Joins the requests of one connection with their responses by Message::exchange. Either may come
/// first: a server can answer before it has read all of the request.
class ExchangePairing {
 public:
  /// Halves that may wait at once; the oldest is given up for one more. As many as the parsers
  /// pair.
  static constexpr std::size_t kMaxPending = http1::ExchangeQueue::kMaxPending;
  /// Bytes of a method, a target and a host that are kept.
  static constexpr std::size_t kMaxMethod = 64;
  static constexpr std::size_t kMaxTarget = 8192;
  static constexpr std::size_t kMaxHost = 256;

  explicit ExchangePairing(ByteBudget& budget) : budget_(budget) {}
  ~ExchangePairing();
  ExchangePairing(const ExchangePairing&) = delete;
  ExchangePairing& operator=(const ExchangePairing&) = delete;

  /// A message that has been dealt with; its strings may be taken. Returns the exchange it
  /// completes, if it does: for a request or final response of no known pair, its half alone.
  /// Interim responses complete nothing, save 101, after which no other response comes.
  std::optional<Exchange> Pair(Message&& message);

  /// A half that still waits, the oldest first; nothing when none does. For the connection's end.
  std::optional<Exchange> TakeWaiting();

  /// Halves given up so far.
  std::uint64_t lost() const { return lost_; }

 private:
  Exchange* Find(std::uint64_t number);
  Exchange Remove(std::size_t index);
  void GiveUpOldest();
  void KeepRequestLine(Exchange& exchange, Message& message);

  ByteBudget& budget_;
  // By number, from first_ on, accounted for in the budget; a deque would cost 600 bytes idle.
  std::vector<Exchange> pending_;
  std::size_t first_ = 0;
  std::uint64_t lost_ = 0;
};

}  // namespace tlscope
