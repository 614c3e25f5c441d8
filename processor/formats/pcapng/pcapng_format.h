// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "processor/events/bus_events.h"
#include "processor/formats/format.h"
#include "processor/formats/pcapng/tcp_conversations.h"

namespace tlscope {

/// How packets are written.
struct PcapngOptions {
  /// CLOCK_REALTIME minus CLOCK_MONOTONIC.
  std::int64_t realtime_offset_ns = 0;
  /// What the file says it was written by.
  std::string application = "tlscope";
  /// The operating system that it says. Empty: it does not.
  std::string os = {};
  /// Packets of a second interface tell Wireshark what is spoken. Programs that use libpcap
  /// (tcpdump) refuse files whose interfaces are of different kinds; without notes they read them.
  bool wireshark_notes = true;
};

/// Plaintext as a capture of TCP, for Wireshark and tshark to dissect without keys. Wants
/// PlaintextEvents and the ConnectionEvents of closed connections; shows nothing else.
///
/// What is true of a packet: addresses and ports, which way it went (the flags of its block), the
/// time of the SSL call, the bytes, and their place in the stream: lost ones are missing segments,
/// and the packet after them says `missing=BYTES`. A connection joined late begins without a
/// handshake. What is made up, and says so in its comment: the handshake, with the end that seems
/// to be the client's as such, and the close. Headers that TCP needs besides are as good as any.
///
/// Every packet's comment tells whose it is: `pid=1234 comm=curl direction=write`, after a
/// collector also `host=` and `agent=`; so `frame.comment contains "comm=curl"` filters. A space
/// in a name is written \x20: no name looks like another field. The comment tells, too, when the
/// addresses are made up (2001:db8::/32): where they are not known, and for the second of two
/// connections with the same ones, as when both ends of one are within this host. Of IPv4 the
/// second is shown as ::ffff:a.b.c.d instead.
///
/// HTTP/1, HTTP/2 and WebSocket are dissected on any port, by a note that precedes a connection
/// whose first bytes or handshake tell one of them. Not so where the note is missing (joined late,
/// a rotated file that begins within the connection, no wireshark_notes): then Wireshark goes by
/// port and first bytes. It knows HTTP/1 on most ports, and HTTP/2 after being told:
/// `tshark -d tcp.port==443,http`, or Analyze, Decode As, HTTP.
class PcapngFormat final : public Format {
 public:
  /// More than one SSL call's piece has; a packet's data.
  static constexpr std::size_t kMaxSegmentBytes = std::size_t{16} << 10;

  explicit PcapngFormat(PcapngOptions options) : options_(std::move(options)) {}

  void Append(const BusPayload& payload, std::string& out) override;

  /// A section and its interfaces, always the same.
  std::string Start() const override;

  /// A note at the time of the latest packet; nothing without wireshark_notes, when missing
  /// segments are all that shows.
  std::string Dropped(std::uint64_t blocks, std::uint64_t bytes) const override;

 private:
  struct Segment;

  void AppendPlaintext(const PlaintextEvent& event, std::string& out);
  void AppendClose(const ConnectionEvent& event, std::string& out);
  void AppendOpening(TcpConversation& conversation, const PlaintextEvent& event, bool joined,
                     std::uint64_t unix_ns, std::string& out);
  void AppendNote(std::uint64_t unix_ns, std::string_view note, std::string& out);
  void AppendSegment(TcpConversation& conversation, const Segment& segment, std::string& out);
  std::uint64_t TimeOf(const TcpConversation& conversation, std::uint64_t ktime_ns) const;
  void StartComment(const ConnectionInfo& connection);
  void EndComment(const TcpConversation& conversation, const ConnectionInfo& connection);

  const PcapngOptions options_;
  TcpConversations conversations_;
  std::string comment_;  // of the packet that is made
  std::atomic<std::uint64_t> latest_unix_ns_ = 0;
};

}  // namespace tlscope
