// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "processor/formats/pcapng/tcp_packet.h"

namespace tlscope {

// Packets of LINKTYPE_WIRESHARK_UPPER_PDU, which tell Wireshark what no header can: tags (type and
// length of 16 bits each, most significant byte first, padded to 32 bits;
// wsutil/exported_pdu_tlvs.h of Wireshark) say which of its dissectors is to see the bytes after
// them, and of which connection they are. Other programs have no use for them.

/// Makes Wireshark look for HTTP/1, HTTP/2 and WebSocket in the TCP packets that follow between the
/// ends of `segment`, whatever their ports are registered for. By itself Wireshark knows HTTP/2
/// without TLS by port 80 only.
std::string HttpNote(const TcpSegment& segment);

/// After an HttpNote: the connection speaks HTTP/2, even if the client, whose first bytes would
/// tell, has not spoken yet.
std::string Http2Note(const TcpSegment& segment);

/// A line of text of no connection.
std::string TextNote(std::string_view text);

}  // namespace tlscope
