// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace tlscope::websocket {

/// What permessage-deflate (RFC 7692 7.1) was agreed to be for the messages of one side. The size
/// of its window does not matter to who reads: the largest one serves for all.
struct DeflateSide {
  bool no_context_takeover = false;
  bool operator==(const DeflateSide&) const = default;
};

/// The extensions that a server's answer to a handshake agrees to.
struct Extensions {
  bool deflate = false;  ///< permessage-deflate is in use
  bool other = false;    ///< so is one that is not known here
  DeflateSide client;
  DeflateSide server;
  bool operator==(const Extensions&) const = default;
};

/// Takes the value of one Sec-WebSocket-Extensions field (RFC 6455 9.1) in. What is malformed
/// changes nothing; of two agreements to permessage-deflate the first counts.
void AddExtensions(std::string_view value, Extensions& extensions);

}  // namespace tlscope::websocket
