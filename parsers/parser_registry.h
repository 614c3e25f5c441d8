// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "parsers/connection/parser_context.h"
#include "parsers/core/stream_parser.h"

namespace tlscope {

/// One protocol: a row of the table. `detect` looks at the first bytes of a direction and is
/// monotone: once kMatch or kNoMatch, more bytes do not change the answer.
struct ProtocolSpec {
  std::string_view name;  ///< as printed in the text header, e.g. "HTTPRequest"
  ParserType type;
  std::string_view alpn;  ///< how its registered names begin (RFC 7301 6); empty: it has none
  Detection (*detect)(std::string_view bytes);
  std::unique_ptr<StreamParser> (*make)(ParserContext& context, MessageHandler& handler);
};

/// All protocols in the order in which they are tried. The last matches anything.
std::span<const ProtocolSpec> Protocols();

/// What is known of a direction besides its bytes.
struct DetectHint {
  std::string_view alpn = {};  ///< agreed to in the TLS handshake; empty: not known
  bool at_start = false;       ///< the bytes are the first of their direction
};

/// The first protocol that does not say kNoMatch: either it matches, or more bytes are needed
/// (`need_more`). One that both ends agreed to rules out those they might have agreed to instead;
/// of HTTP/2 the first bytes need no detection then. Deterministic: depends on the arguments alone.
struct DetectResult {
  const ProtocolSpec* protocol;
  bool need_more;
};
DetectResult Detect(std::string_view bytes, const DetectHint& hint = {});

/// The protocol that a connection agreed to change to in HTTP/1.1 (RFC 9110 7.8), when it is one of
/// the table's: its bytes need no detection. Null otherwise.
const ProtocolSpec* UpgradeProtocol(const ParserContext& context);

/// The name printed for a type, from the same table.
std::string_view ParserName(ParserType type);

}  // namespace tlscope
