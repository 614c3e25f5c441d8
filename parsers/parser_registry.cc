// SPDX-License-Identifier: Apache-2.0
#include "parsers/parser_registry.h"

#include <algorithm>
#include <iterator>

#include "parsers/core/field_syntax.h"
#include "parsers/http1/detect.h"
#include "parsers/http1/http1_parser.h"
#include "parsers/http2/detect.h"
#include "parsers/http2/http2_parser.h"
#include "parsers/raw/raw_parser.h"
#include "parsers/websocket/websocket_parser.h"

namespace tlscope {
namespace {

// Frames look like anything. What tells is the handshake before them.
Detection DetectNothing(std::string_view /*bytes*/) { return Detection::kNoMatch; }

Detection DetectAnything(std::string_view /*bytes*/) { return Detection::kMatch; }

constexpr std::string_view kHttp1Alpn = "http/1";
constexpr std::string_view kHttp2Alpn = "h2";

constexpr ProtocolSpec kProtocols[] = {
    {"HTTPRequest", ParserType::kHttp1Request, kHttp1Alpn, &http1::DetectRequest,
     &http1::MakeRequestParser},
    {"HTTPResponse", ParserType::kHttp1Response, kHttp1Alpn, &http1::DetectResponse,
     &http1::MakeResponseParser},
    {"HTTP2Request", ParserType::kHttp2Request, kHttp2Alpn, &http2::DetectClient,
     &http2::MakeClientParser},
    {"HTTP2Response", ParserType::kHttp2Response, kHttp2Alpn, &http2::DetectServer,
     &http2::MakeServerParser},
    {"HTTP2", ParserType::kUnknown, kHttp2Alpn, &http2::DetectRun, &http2::MakeLateParser},
    {"WebSocket", ParserType::kWebSocket, {}, &DetectNothing, &websocket::MakeWebSocketParser},
    {"DefaultParser", ParserType::kUnknown, {}, &DetectAnything, &raw::MakeRawParser},
};

const ProtocolSpec& RowOf(ParserType type) {
  return *std::find_if(std::begin(kProtocols), std::end(kProtocols),
                       [type](const ProtocolSpec& row) { return row.type == type; });
}

/// Which of kHttp1Alpn and kHttp2Alpn was agreed to; empty: neither, or it is not known.
std::string_view Agreed(std::string_view alpn) {
  if (alpn == kHttp2Alpn) return kHttp2Alpn;
  return alpn.starts_with(kHttp1Alpn) ? kHttp1Alpn : std::string_view();
}

}  // namespace

std::span<const ProtocolSpec> Protocols() { return kProtocols; }

DetectResult Detect(std::string_view bytes, const DetectHint& hint) {
  const std::string_view agreed = Agreed(hint.alpn);
  // A frame that began with the first letter of the preface would be of 5 MiB.
  if (agreed == kHttp2Alpn && hint.at_start && !bytes.empty())
    return {&RowOf(bytes.front() == 'P' ? ParserType::kHttp2Request : ParserType::kHttp2Response),
            false};
  for (const ProtocolSpec& protocol : kProtocols) {
    if (!agreed.empty() && !protocol.alpn.empty() && protocol.alpn != agreed) continue;
    const Detection detection = protocol.detect(bytes);
    if (detection != Detection::kNoMatch) {
      return {&protocol, detection == Detection::kNeedMore};
    }
  }
  return {std::prev(std::end(kProtocols)), false};
}

const ProtocolSpec* UpgradeProtocol(const ParserContext& context) {
  if (context.http1.upgrade() != http1::UpgradeKind::kSwitched) return nullptr;
  if (!EqualsIgnoreCase(context.http1.upgrade_token(), "websocket")) return nullptr;
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
