// SPDX-License-Identifier: Apache-2.0
//
// A message and a piece of plaintext of any bytes as JSON: one line that is valid and says the
// same.
//
// Input: a byte that says how long the head is, then the head, then the body.
#include <cstdint>
#include <string>
#include <string_view>

#include "processor/formats/json_format.h"
#include "processor/text/base64.h"
#include "processor/text/utf8.h"
#include "tests/fuzz/check.h"
#include "tests/unit/processor/formats/json_reader.h"

namespace tlscope {
namespace {

using testing::JsonReader;

void CheckBytes(const JsonReader::Object& object, const std::string& name, std::string_view bytes) {
  const bool text = IsUtf8(bytes);
  const auto member = object.find(text ? name : name + "_base64");
  Check(object.count(text ? name + "_base64" : name) == 0, "bytes are there in one form");
  Check((member == object.end()) == bytes.empty(), "bytes are there unless there are none");
  if (bytes.empty()) return;
  std::string expected(text ? bytes : "");
  if (!text) AppendBase64(bytes, expected);
  Check(member->second == expected, "bytes are what they were");
}

JsonReader::Object ReadBack(const BusPayload& payload) {
  JsonFormat format(0);
  std::string line;
  format.Append(payload, line);
  Check(line.ends_with("}\n"), "a line ends");
  line.pop_back();
  const auto object = JsonReader::Read(line);
  Check(object.has_value(), "a line is an object of JSON");
  return *object;
}

void Run(std::string_view bytes) {
  if (bytes.empty()) return;
  const auto head_bytes = static_cast<std::uint8_t>(bytes[0]);
  bytes.remove_prefix(1);
  Message message;
  message.head = bytes.substr(0, head_bytes);
  message.body = bytes.substr(message.head.size());
  message.target = message.head;
  ConnectionInfo connection;
  connection.comm = message.head;
  connection.handshake.protocol = message.head;
  const JsonReader::Object object =
      ReadBack(MessageEvent{connection, DataType::kRead, message.head, message});
  CheckBytes(object, "head", message.head);
  CheckBytes(object, "body", message.body);
  CheckBytes(object, "target", message.target);
  CheckBytes(object, "alpn", message.head);
  if (message.body.empty()) return;
  CheckBytes(ReadBack(PlaintextEvent{connection, DataType::kWrite, "", 0, message.body, 0}), "data",
             message.body);
}

}  // namespace
}  // namespace tlscope

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  tlscope::Run({reinterpret_cast<const char*>(data), size});
  return 0;
}
