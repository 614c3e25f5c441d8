// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "parsers/http1/exchange_queue.h"
#include "parsers/http2/shared.h"
#include "parsers/stream_parser.h"

namespace tlscope {

/// What the two directions of one connection share while they are parsed. Lives as long as both.
struct ParserContext {
  ParserLimits limits;
  ByteBudget& budget;
  http1::ExchangeQueue http1 = {};
  http2::Shared http2 = {};
};

/// Whether a direction that begins with some bytes speaks a protocol.
enum class Detection : std::uint8_t {
  kMatch,
  kNoMatch,
  kNeedMore,  ///< as far as it goes it fits
};

/// One protocol: a row of the table. `detect` looks at the first bytes of a direction and is
/// monotone: once kMatch or kNoMatch, more bytes do not change the answer.
struct ProtocolSpec {
  std::string_view name;  ///< as printed in the text header, e.g. "HTTPRequest"
  ParserType type;
  Detection (*detect)(std::string_view bytes);
  std::unique_ptr<StreamParser> (*make)(ParserContext& context, MessageHandler& handler);
};

/// All protocols in the order in which they are tried. The last matches anything.
std::span<const ProtocolSpec> Protocols();

/// The first protocol that does not say kNoMatch: either it matches, or more bytes are needed
/// (`need_more`). Deterministic: depends on `bytes` alone.
struct DetectResult {
  const ProtocolSpec* protocol;
  bool need_more;
};
DetectResult Detect(std::string_view bytes);

/// The protocol that a connection agreed to change to in HTTP/1.1 (RFC 9110 7.8), when it is one of
/// the table's: its bytes need no detection. Null otherwise.
const ProtocolSpec* UpgradeProtocol(const ParserContext& context);

/// The name printed for a type, from the same table.
std::string_view ParserName(ParserType type);

}  // namespace tlscope
