// SPDX-License-Identifier: Apache-2.0
//
// How the HTTP/1.x parser reads the cases on standard input: one line of JSON for each, in which
// all text is hexadecimal. A case is three strings, each behind its length as four bytes, the least
// significant first: "request" or "response", the requests that were sent before a response, and
// the bytes of the direction.
#include <algorithm>
#include <array>
#include <cstdint>
#include <iostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "parsers/core/field_syntax.h"
#include "parsers/http1/http1_parser.h"
#include "parsers/http1/syntax.h"
#include "parsers/parser_registry.h"

namespace tlscope {
namespace {

using http1::Role;

class Recorder final : public MessageHandler {
 public:
  void OnMessage(Message&& message) override { messages.push_back(std::move(message)); }
  std::vector<Message> messages;
};

bool ReadString(std::string& text) {
  std::array<unsigned char, 4> length{};
  if (!std::cin.read(reinterpret_cast<char*>(length.data()), length.size())) return false;
  std::uint32_t size = 0;
  for (std::size_t i = length.size(); i-- > 0;) size = size << 8U | length[i];
  text.resize(size);
  return static_cast<bool>(std::cin.read(text.data(), size));
}

std::string Hex(std::string_view bytes) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text = "\"";
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    text += kDigits[byte >> 4U];
    text += kDigits[byte & 15U];
  }
  return text + "\"";
}

using Fields = std::vector<std::pair<std::string, std::string>>;

/// The field lines in `lines`. The folded rest of a line is joined to it by one space, as RFC 9112
/// 5.2 has it.
Fields FieldsOf(Role role, std::string_view lines) {
  Fields fields;
  while (!lines.empty()) {
    const std::string_view line = lines.substr(0, lines.find('\n'));
    lines.remove_prefix(std::min(line.size() + 1, lines.size()));
    const std::size_t name = http1::FieldNameLength(role, line);
    if (http1::IsFold(line)) {
      if (fields.empty()) continue;  // RFC 9112 2.2: before the first field it counts for nothing
      std::string& value = fields.back().second;
      value = Trim(value + " " + std::string(Trim(line)));
    } else if (name != 0) {
      const std::string_view value = line.substr(line.find(':', name) + 1);
      fields.emplace_back(line.substr(0, name), Trim(value));
    }
  }
  return fields;
}

std::string FieldsJson(const Fields& fields) {
  std::string text = "[";
  for (const auto& [name, value] : fields) {
    if (text.size() > 1) text += ",";
    text += "[" + Hex(name) + "," + Hex(value) + "]";
  }
  return text + "]";
}

std::string MessageJson(Role role, const Message& message) {
  const std::string whole = message.complete ? "true" : "false";
  if (message.parser == ParserType::kUnknown) {
    return R"({"unknown":)" + Hex(message.body) + R"(,"whole":)" + whole + "}";
  }
  const std::string_view head = message.head;
  const std::string_view lines = head.substr(head.find('\n') + 1);
  return R"({"method":)" + Hex(message.method) + R"(,"target":)" + Hex(message.target) +
         R"(,"status":)" + std::to_string(message.status) + R"(,"fields":)" +
         FieldsJson(FieldsOf(role, lines)) + R"(,"body":)" + Hex(message.body) + R"(,"trailers":)" +
         FieldsJson(FieldsOf(role, message.trailers)) + R"(,"whole":)" + whole + "}";
}

std::string ReadCase(Role role, std::string_view requests, std::string_view bytes) {
  ByteBudget budget(1U << 30);
  ParserContext context{{}, budget, {}};
  Recorder before;
  Recorder recorder;
  http1::Http1Parser request(Role::kRequest, context, before);
  request.Feed(requests, 1);
  http1::Http1Parser parser(role, context, recorder);
  const bool upgraded = parser.Feed(bytes, 1) == ParseStatus::kUpgrade;
  parser.Flush();
  // What comes from here on was waiting for more bytes; what came before was judged.
  const std::size_t judged = recorder.messages.size();
  std::string rest;
  if (upgraded) {
    rest = parser.TakeRest();
  } else {
    parser.Finish(StreamEnd::kClosed);
  }
  std::string messages;
  for (const Message& message : recorder.messages) {
    if (!messages.empty()) messages += ",";
    messages += MessageJson(role, message);
  }
  return R"({"messages":[)" + messages + R"(],"judged":)" + std::to_string(judged) +
         R"(,"upgraded":)" + (upgraded ? "true" : "false") + R"(,"rest":)" + Hex(rest) + "}";
}

}  // namespace
}  // namespace tlscope

int main() {
  std::ios::sync_with_stdio(false);
  std::string role;
  std::string requests;
  std::string bytes;
  while (tlscope::ReadString(role)) {
    if (!tlscope::ReadString(requests) || !tlscope::ReadString(bytes)) {
      std::cerr << "http1_reader: the input ends within a case\n";
      return 1;
    }
    using tlscope::http1::Role;
    const Role parsed = role == "request" ? Role::kRequest : Role::kResponse;
    std::cout << tlscope::ReadCase(parsed, requests, bytes) << '\n';
  }
  return 0;
}
