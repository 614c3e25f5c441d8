// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "parsers/connection/exchange_queue.h"
#include "parsers/connection/http2_directions.h"
#include "parsers/core/byte_budget.h"
#include "parsers/core/stream_parser.h"

namespace tlscope {

/// What the two directions of one connection share while they are parsed. Lives as long as both.
struct ParserContext {
  ParserLimits limits;
  ByteBudget& budget;
  http1::ExchangeQueue http1 = {};
  http2::Shared http2 = {};
  /// The protocol that both ends agreed to in the TLS handshake (RFC 7301); empty: not known.
  std::string_view alpn = {};
};

}  // namespace tlscope
