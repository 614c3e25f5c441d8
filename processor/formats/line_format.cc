// SPDX-License-Identifier: Apache-2.0
#include "processor/formats/line_format.h"

#include <array>
#include <cstdio>
#include <variant>

#include "processor/events/endpoint_text.h"
#include "processor/text/decimal.h"
#include "processor/text/printable.h"

namespace tlscope {
namespace {

// A column's text: nothing that ends the column or the line, or that acts on a terminal.
void AppendColumn(std::string_view text, std::string& out) {
  if (text.empty()) out.push_back('-');
  for (const char byte : text) {
    if (byte > ' ' && byte < 0x7f) {
      out.push_back(byte);
    } else {
      AppendEscaped(byte, out);
    }
  }
}

// RFC 9112 3.2: a target is a path, `*`, or already says where it goes (absolute or authority
// form); a path is put behind the host.
void AppendUrl(const ExchangeEvent& event, std::string& out) {
  if (event.target.starts_with('/') && !event.host.empty()) {
    out += "https://";
    AppendColumn(event.host, out);
  }
  AppendColumn(event.target, out);
}

void AppendMilliseconds(std::uint64_t from_ns, std::uint64_t to_ns, std::string& out) {
  if (from_ns == 0 || to_ns < from_ns) {
    out.push_back('-');
    return;
  }
  std::array<char, 32> text;
  const std::uint64_t us = (to_ns - from_ns) / 1000;
  const int length =
      std::snprintf(text.data(), text.size(), "%llu.%03u",
                    static_cast<unsigned long long>(us / 1000), static_cast<unsigned>(us % 1000));
  out.append(text.data(), static_cast<std::size_t>(length));
}

}  // namespace

void LineFormat::Append(const BusPayload& payload, std::string& out) {
  if (const auto* exchange = std::get_if<ExchangeEvent>(&payload)) {
    AppendExchange(*exchange, out);
  } else if (const auto* loss = std::get_if<LossEvent>(&payload)) {
    AppendLoss(*loss, out);
  } else if (const auto* limit = std::get_if<RateLimitEvent>(&payload)) {
    AppendRateLimit(*limit, out);
  }
}

std::string LineFormat::Dropped(std::uint64_t blocks, std::uint64_t /*bytes*/) const {
  std::string line;
  AppendWallTime(clock_(), line);
  line += " - - - DROPPED - - ";
  AppendDecimal(blocks, line);
  line += " -\n";
  return line;
}

void LineFormat::AppendRateLimit(const RateLimitEvent& event, std::string& out) {
  time_.Append(event.ktime_ns, out);
  out += " - - - LIMITED - - ";
  AppendDecimal(event.dropped, out);
  out += " -";
  EndLine(out);
}

void LineFormat::AppendExchange(const ExchangeEvent& event, std::string& out) {
  const std::uint64_t start =
      event.request_ktime_ns != 0 ? event.request_ktime_ns : event.first_byte_ktime_ns;
  AppendOrigin(event.connection, start, out);
  AppendColumn(event.method, out);
  out.push_back(' ');
  AppendUrl(event, out);
  out.push_back(' ');
  if (event.status == 0) {
    out += "- - -";
    EndLine(out);
    return;
  }
  AppendDecimal(event.status, out);
  out.push_back(' ');
  AppendDecimal(event.response_bytes, out);
  out.push_back(' ');
  AppendMilliseconds(event.request_ktime_ns, event.last_byte_ktime_ns, out);
  EndLine(out);
}

void LineFormat::AppendLoss(const LossEvent& event, std::string& out) {
  AppendOrigin(event.connection, event.ktime_ns, out);
  out += "LOST - - ";
  AppendDecimal(event.bytes, out);
  out += " -";
  EndLine(out);
}

void LineFormat::AppendOrigin(const ConnectionInfo& connection, std::uint64_t ktime_ns,
                              std::string& out) {
  time_.Append(ktime_ns, out);
  out.push_back(' ');
  AppendDecimal(connection.pid, out);
  out.push_back(' ');
  AppendColumn(connection.comm, out);
  out.push_back(' ');
  if (connection.tuple.family == AddressFamily::kNone) {
    out.push_back('-');
  } else {
    AppendEndpoint(connection.tuple.family, connection.tuple.remote, out);
  }
  out.push_back(' ');
}

void LineFormat::EndLine(std::string& out) const {
  if (agent() != nullptr) {
    out.push_back(' ');
    AppendColumn(agent()->host, out);
    out.push_back('/');
    AppendColumn(agent()->instance, out);
  }
  out.push_back('\n');
}

}  // namespace tlscope
