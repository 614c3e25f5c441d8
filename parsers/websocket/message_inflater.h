// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "parsers/connection/websocket_extensions.h"
#include "parsers/content/message_builder.h"
#include "parsers/content/zlib_stream.h"
#include "parsers/core/byte_budget.h"

namespace tlscope::websocket {

/// Takes permessage-deflate (RFC 7692) off the messages of one direction, in any pieces. Holds
/// nothing until the first byte, and nothing between messages when they share no context.
///
/// What comes out is right or nothing comes out: after a loss or an error the window starts empty,
/// and a message that refers to what is no longer there ends with an error at that place.
/// No bomb: deflate makes at most 1032 bytes of one.
class MessageInflater {
 public:
  /// `max_bytes`: of one message's content; decoding ends there. `budget` must outlive it.
  MessageInflater(const DeflateSide& side, std::uint64_t max_bytes, ByteBudget& budget)
      : side_(side), max_bytes_(max_bytes), stream_(budget) {}

  /// The next bytes of a message's payload. What they decode to goes to `out`.
  void Feed(std::string_view payload, MessageBuilder& out);
  /// Bytes of the payload were lost here.
  void Lose();
  /// The rest of the payload will not come.
  void Abandon();
  /// The payload is whole, or abandoned. Why it was not decoded to its end; empty when it was. The
  /// next message begins.
  std::string Finish(MessageBuilder& out);

  std::uint64_t held_bytes() const { return stream_.held_bytes(); }

 private:
  void Inflate(std::string_view input, MessageBuilder& out);
  void Fail(std::string_view reason);

  const DeflateSide side_;
  const std::uint64_t max_bytes_;
  content::ZlibStream stream_;
  bool final_block_ = false;   ///< the last bytes ended a block marked as the last
  bool context_lost_ = false;  ///< messages may refer to what is not in the window
  std::uint64_t given_bytes_ = 0;
  std::string error_;
};

}  // namespace tlscope::websocket
