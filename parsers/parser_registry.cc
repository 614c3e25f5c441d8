// SPDX-License-Identifier: Apache-2.0
#include "parsers/parser_registry.h"

#include <algorithm>
#include <iterator>

#include "parsers/http1/detect.h"
#include "parsers/http1/http1_parser.h"
#include "parsers/http1/syntax.h"
#include "parsers/http2/detect.h"
#include "parsers/http2/http2_parser.h"
#include "parsers/raw/raw_parser.h"
#include "parsers/websocket/websocket_parser.h"

namespace tlscope {
namespace {

// Frames look like anything. What tells is the handshake before them.
Detection DetectNothing(std::string_view /*bytes*/) { return Detection::kNoMatch; }

Detection DetectAnything(std::string_view /*bytes*/) { return Detection::kMatch; }

constexpr ProtocolSpec kProtocols[] = {
    {"HTTPRequest", ParserType::kHttp1Request, &http1::DetectRequest, &http1::MakeRequestParser},
    {"HTTPResponse", ParserType::kHttp1Response, &http1::DetectResponse,
     &http1::MakeResponseParser},
    {"HTTP2Request", ParserType::kHttp2Request, &http2::DetectClient, &http2::MakeClientParser},
    {"HTTP2Response", ParserType::kHttp2Response, &http2::DetectServer, &http2::MakeServerParser},
    {"HTTP2", ParserType::kUnknown, &http2::DetectRun, &http2::MakeLateParser},
    {"WebSocket", ParserType::kWebSocket, &DetectNothing, &websocket::MakeWebSocketParser},
    {"DefaultParser", ParserType::kUnknown, &DetectAnything, &raw::MakeRawParser},
};

}  // namespace

std::span<const ProtocolSpec> Protocols() { return kProtocols; }

DetectResult Detect(std::string_view bytes) {
  for (const ProtocolSpec& protocol : kProtocols) {
    const Detection detection = protocol.detect(bytes);
    if (detection != Detection::kNoMatch) {
      return {&protocol, detection == Detection::kNeedMore};
    }
  }
  return {std::prev(std::end(kProtocols)), false};
}

const ProtocolSpec* UpgradeProtocol(const ParserContext& context) {
  if (context.http1.upgrade() != http1::UpgradeKind::kSwitched) return nullptr;
  if (!http1::EqualsIgnoreCase(context.http1.upgrade_token(), "websocket")) return nullptr;
  for (const ProtocolSpec& protocol : kProtocols) {
    if (protocol.type == ParserType::kWebSocket) return &protocol;
  }
  return nullptr;
}

std::string_view ParserName(ParserType type) {
  // From the end: a type that several rows have is named by the last.
  const auto found = std::find_if(std::rbegin(kProtocols), std::rend(kProtocols),
                                  [type](const ProtocolSpec& row) { return row.type == type; });
  return found == std::rend(kProtocols) ? std::prev(std::end(kProtocols))->name : found->name;
}

}  // namespace tlscope
