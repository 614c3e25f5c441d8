// SPDX-License-Identifier: Apache-2.0
#include "parsers/parser_registry.h"

#include <iterator>

#include "parsers/http1/detect.h"
#include "parsers/http1/http1_parser.h"
#include "parsers/raw/raw_parser.h"

namespace tlscope {
namespace {

Detection DetectAnything(std::string_view /*bytes*/) { return Detection::kMatch; }

constexpr ProtocolSpec kProtocols[] = {
    {"HTTPRequest", ParserType::kHttp1Request, &http1::DetectRequest, &http1::MakeRequestParser},
    {"HTTPResponse", ParserType::kHttp1Response, &http1::DetectResponse,
     &http1::MakeResponseParser},
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

std::string_view ParserName(ParserType type) {
  for (const ProtocolSpec& protocol : kProtocols) {
    if (protocol.type == type) return protocol.name;
  }
  return std::prev(std::end(kProtocols))->name;
}

}  // namespace tlscope
