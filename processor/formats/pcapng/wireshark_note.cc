// SPDX-License-Identifier: Apache-2.0
#include "processor/formats/pcapng/wireshark_note.h"

#include <cstddef>
#include <cstdint>

#include "parsers/http2/frame.h"

namespace tlscope {
namespace {

// wsutil/exported_pdu_tlvs.h: EXP_PDU_TAG_...
enum Tag : std::uint16_t {
  kEndOfTags = 0,
  kDissector = 12,
  kHeuristicDissector = 13,
  kIpv4Source = 20,
  kIpv4Destination = 21,
  kIpv6Source = 22,
  kIpv6Destination = 23,
  kPortType = 24,
  kSourcePort = 25,
  kDestinationPort = 26,
  kProtocolColumn = 33,
  kInfoColumn = 36,
};
constexpr std::uint32_t kPortTypeTcp = 2;  // EXP_PDU_PT_TCP

// Wireshark's heuristic dissector of HTTP takes a connection for good that has a line which ends so
// (dissect_http_heur_tcp in its packet-http.c). The rest of the line is for people.
constexpr std::string_view kHttpLine =
    "Not captured, but written by tlscope for Wireshark to take what follows for HTTP/1.1\r\n\r\n";

void Append16(std::size_t value, std::string& out) {
  out.push_back(static_cast<char>(value >> 8 & 0xff));
  out.push_back(static_cast<char>(value & 0xff));
}

void AppendTag(Tag tag, std::string_view value, std::string& out) {
  const std::size_t padded = (value.size() + 3) / 4 * 4;
  Append16(tag, out);
  Append16(padded, out);
  out += value;
  out.append(padded - value.size(), '\0');
}

void AppendTag(Tag tag, std::uint32_t value, std::string& out) {
  std::string bytes;
  Append16(value >> 16, bytes);
  Append16(value & 0xffff, bytes);
  AppendTag(tag, bytes, out);
}

void AppendAddress(Tag tag, const Endpoint& end, std::size_t bytes, std::string& out) {
  AppendTag(tag, {reinterpret_cast<const char*>(end.address.data()), bytes}, out);
}

void AppendEnds(const TcpSegment& segment, std::string& out) {
  const bool ipv4 = segment.family == AddressFamily::kIpv4;
  const std::size_t bytes = ipv4 ? 4 : 16;
  AppendAddress(ipv4 ? kIpv4Source : kIpv6Source, segment.source, bytes, out);
  AppendAddress(ipv4 ? kIpv4Destination : kIpv6Destination, segment.destination, bytes, out);
  AppendTag(kPortType, kPortTypeTcp, out);
  AppendTag(kSourcePort, segment.source.port, out);
  AppendTag(kDestinationPort, segment.destination.port, out);
}

std::string MakeNote(Tag dissector_tag, std::string_view dissector, std::string_view info,
                     const TcpSegment* segment, std::string_view bytes) {
  std::string out;
  AppendTag(dissector_tag, dissector, out);
  AppendTag(kProtocolColumn, "tlscope", out);
  AppendTag(kInfoColumn, info, out);
  if (segment != nullptr) AppendEnds(*segment, out);
  AppendTag(kEndOfTags, std::string_view(), out);
  out += bytes;
  return out;
}

}  // namespace

std::string HttpNote(const TcpSegment& segment) {
  return MakeNote(kHeuristicDissector, "http_tcp", "HTTP follows", &segment, kHttpLine);
}

std::string Http2Note(const TcpSegment& segment) {
  return MakeNote(kDissector, "http", "HTTP/2 follows", &segment, http2::kPreface);
}

std::string TextNote(std::string_view text) {
  return MakeNote(kDissector, "data-text-lines", text, nullptr, text);
}

}  // namespace tlscope
