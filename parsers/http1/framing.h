// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "parsers/connection/exchange_queue.h"
#include "parsers/connection/websocket_extensions.h"
#include "parsers/content/coding_list.h"
#include "parsers/content/event_cutter.h"
#include "parsers/http1/syntax.h"

namespace tlscope::http1 {

/// What a head's fields say about the message's framing, the codings of its body, and a change of
/// protocol.
class FramingFields {
 public:
  enum class Kind : std::uint8_t {
    kOther,
    kContentLength,
    kTransferEncoding,
    kUpgrade,
    kContentEncoding,
    kContentType,
    kContentRange,
    kWebSocketExtensions,
  };

  /// Which of the fields of interest `name` is, in any case.
  static Kind Classify(std::string_view name);

  /// Takes the value of a field of interest in; fields may repeat. The value may hold folds.
  void Add(Kind kind, std::string_view value);

  /// Content-Length (RFC 9110 8.6): repeats that agree count once.
  enum class Length : std::uint8_t { kAbsent, kValid, kInvalid };
  Length length() const { return length_; }
  std::uint64_t content_length() const { return content_length_; }

  /// Transfer-Encoding (RFC 9112 6.1): what counts is the last coding applied.
  enum class Coding : std::uint8_t { kNone, kChunked, kOther };
  Coding final_coding() const { return final_coding_; }

  /// Whether there was an Upgrade field (RFC 9110 7.8).
  bool upgrade() const { return upgrade_; }

  /// Content-Encoding, and behind it what Transfer-Encoding has besides chunked.
  content::CodingList codings() const;

  /// The body begins where the coded representation does. It does not when it is a range from
  /// further on (RFC 9110 14.4: ranges are of the coded bytes) or several (14.6), and then it
  /// cannot be decoded.
  bool from_start(std::uint16_t status) const {
    return has_range_ ? range_from_zero_ : status != 206;
  }

  /// How a body of this Content-Type may be shown while it goes on.
  content::PartRule part_rule() const { return part_rule_; }

  /// What Sec-WebSocket-Extensions agrees to.
  const websocket::Extensions& extensions() const { return extensions_; }

 private:
  void AddContentLength(std::string_view value);
  void AddTransferEncoding(std::string_view value);
  void AddContentRange(std::string_view value);

  std::uint64_t content_length_ = 0;
  Length length_ = Length::kAbsent;
  Coding final_coding_ = Coding::kNone;
  bool upgrade_ = false;
  bool has_range_ = false;
  bool range_from_zero_ = false;
  content::PartRule part_rule_ = content::PartRule::kWhole;
  content::CodingList content_codings_;
  content::CodingList transfer_codings_;
  websocket::Extensions extensions_;
};

/// How a message's body ends.
enum class BodyKind : std::uint8_t {
  kNone,        ///< there is none
  kLength,      ///< after Content-Length bytes
  kChunked,     ///< with the last chunk
  kUntilClose,  ///< with the connection
  kSwitch,      ///< no body: the connection changes protocol right after the head
  kInvalid,     ///< cannot be told
};

/// RFC 9112 6.3 for a request.
BodyKind RequestBody(const FramingFields& fields);

/// RFC 9112 6.3 for a response with `status` to `request`.
BodyKind ResponseBody(const FramingFields& fields, std::uint16_t status,
                      const PendingRequest& request);

}  // namespace tlscope::http1
