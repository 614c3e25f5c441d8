// SPDX-License-Identifier: Apache-2.0
#include "processor/formats/pcapng/pcapng_format.h"

#include <gmock/gmock.h>

#include <fstream>
#include <sstream>

#include "tests/unit/processor/formats/pcapng/pcapng_fixture.h"

namespace tlscope::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST_F(PcapngFormatTest, BeginsWithTheSameSectionAndInterfacesAlways) {
  const std::string start = format.Start();
  const std::vector<ReadBlock> blocks = ReadBlocks(start);
  ASSERT_EQ(blocks.size(), 3U);
  EXPECT_EQ(blocks[0].type, 0x0a0d0d0aU);
  EXPECT_EQ(blocks[0].Option(4), "tlscope");
  EXPECT_EQ(Little(blocks[1].fixed), 101U);
  EXPECT_EQ(Little(blocks[2].fixed), 252U);
  Talk talk(format, out);
  talk.Write(kRequest);
  EXPECT_EQ(format.Start(), start);
}

TEST_F(PcapngFormatTest, MakesAConversationOfWhatAClientSaysAndHears) {
  Talk talk(format, out);
  talk.Write(kRequest);
  talk.Read(kResponse);
  talk.Close();
  const std::vector<ReadTcp> segments = Segments();
  ASSERT_EQ(segments.size(), 8U);
  std::vector<std::uint64_t> flags;
  for (const ReadTcp& segment : segments) flags.push_back(segment.flags);
  EXPECT_THAT(flags, ElementsAre(kSyn, kSynAck, kAck, kPshAck, kPshAck, kFinAck, kFinAck, kAck));
  const std::uint64_t client = 0x2222'2222, server = 0x1111'1111;  // first bytes' numbers
  const auto expect = [&](std::size_t index, bool from_client, std::uint64_t sequence,
                          std::uint64_t acknowledgement) {
    SCOPED_TRACE(index);
    const ReadTcp& segment = segments[index];
    EXPECT_EQ(segment.source, std::string("\x7f\0\0", 3) + (from_client ? '\1' : '\2'));
    EXPECT_EQ(segment.source_port, from_client ? 50000U : 443U);
    EXPECT_EQ(segment.destination_port, from_client ? 443U : 50000U);
    EXPECT_EQ(segment.sequence, sequence);
    EXPECT_EQ(segment.acknowledgement, acknowledgement);
  };
  const std::uint64_t asked = client + kRequest.size(), answered = server + kResponse.size();
  expect(0, true, client - 1, 0);
  expect(1, false, server - 1, client);
  expect(2, true, client, server);
  expect(3, true, client, server);
  expect(4, false, server, asked);
  expect(5, true, asked, answered);
  expect(6, false, answered, asked + 1);
  expect(7, true, asked + 1, answered + 1);
  EXPECT_EQ(segments[3].data, kRequest);
  EXPECT_EQ(segments[4].data, kResponse);
}

TEST_F(PcapngFormatTest, CommentsEveryPacketWithItsProcess) {
  Talk talk(format, out);
  talk.Write(kRequest);
  talk.Read(kResponse);
  talk.Close();
  for (const ReadBlock& packet : ReadBlocks(out)) {
    EXPECT_THAT(packet.comment(), ::testing::StartsWith("pid=1234 comm=curl"));
  }
  const std::vector<ReadBlock> packets = Packets();
  EXPECT_EQ(packets[0].comment(), "pid=1234 comm=curl; handshake made up");
  EXPECT_EQ(packets[3].comment(), "pid=1234 comm=curl direction=write");
  EXPECT_EQ(packets[4].comment(), "pid=1234 comm=curl direction=read");
  EXPECT_EQ(packets[5].comment(), "pid=1234 comm=curl; close made up");
  EXPECT_EQ(Little(packets[0].Option(2)), 0U);
  EXPECT_EQ(Little(packets[3].Option(2)), 2U);  // outbound
  EXPECT_EQ(Little(packets[4].Option(2)), 1U);  // inbound
}

TEST_F(PcapngFormatTest, NamesTheAgentThatSawIt) {
  const AgentIdentity agent{"web,1", "main", 7};
  format.SetAgent(&agent);
  Talk talk(format, out);
  talk.Write(kRequest);
  EXPECT_EQ(Packets()[3].comment(), "pid=1234 comm=curl host=web\\x2c1 agent=main direction=write");
}

TEST_F(PcapngFormatTest, NoNameLooksLikeAnotherFieldOfTheComment) {
  const AgentIdentity agent{"a agent=b", "b; close made up", 7};
  format.SetAgent(&agent);
  Talk talk(format, out);
  talk.info.comm = "a pid=1 comm=b";
  talk.Write(kRequest);
  EXPECT_EQ(Packets()[3].comment(),
            "pid=1234 comm=a\\x20pid=1\\x20comm=b host=a\\x20agent=b "
            "agent=b;\\x20close\\x20made\\x20up direction=write");
}

TEST_F(PcapngFormatTest, HasNanosecondsAndGoesNeverBack) {
  Talk talk(format, out);
  talk.Write(kRequest);
  talk.ktime_ns -= 5000;
  talk.Read(kResponse);
  talk.Close();
  const std::vector<ReadBlock> packets = Packets();
  const std::uint64_t first = kPcapngUnixNow + 1000;
  EXPECT_EQ(packets[0].unix_ns(), first - 3);
  EXPECT_EQ(packets[1].unix_ns(), first - 2);
  EXPECT_EQ(packets[2].unix_ns(), first - 1);
  for (std::size_t i = 3; i < packets.size(); ++i) EXPECT_EQ(packets[i].unix_ns(), first);
}

TEST_F(PcapngFormatTest, TimesBefore1970AreIts) {
  PcapngFormat early({.realtime_offset_ns = -200'000'000'000});
  Talk talk(early, out);
  talk.Write(kRequest);
  for (const ReadBlock& packet : Packets()) EXPECT_EQ(packet.unix_ns(), 0U);
}

TEST_F(PcapngFormatTest, WhoAsksIsTheClient) {
  const auto syn_from = [&](DataType first, std::string_view data, std::uint16_t local_port) {
    out.clear();
    ConnectionInfo info = ClientConnection(1 + data.size() * 100'000 + local_port);
    info.tuple.local.port = local_port;
    Talk(format, out, info).Say(first, data);
    return std::string(Segments().at(0).source.back() == 1 ? "local" : "remote");
  };
  // What is said counts, whatever the ports are.
  EXPECT_EQ(syn_from(DataType::kWrite, kRequest, 50000), "local");
  EXPECT_EQ(syn_from(DataType::kWrite, kRequest, 80), "local");
  EXPECT_EQ(syn_from(DataType::kRead, kRequest, 8443), "remote");
  EXPECT_EQ(syn_from(DataType::kRead, kResponse, 50001), "local");
  const std::string settings("\0\0\0\x04\0\0\0\0\0", 9);
  EXPECT_EQ(syn_from(DataType::kWrite, settings, 8443), "remote");
  // Else the ports, else who speaks first.
  EXPECT_EQ(syn_from(DataType::kWrite, "220 mail", 25), "remote");
  EXPECT_EQ(syn_from(DataType::kRead, "220 mail", 50000), "local");
  EXPECT_EQ(syn_from(DataType::kRead, "?", 443), "remote");
}

TEST_F(PcapngFormatTest, LeavesOutBytesThatAreMissing) {
  Talk talk(format, out);
  talk.Write("abc");
  talk.Lose(DataType::kWrite, 1000);
  talk.Write("def");
  talk.Lose(DataType::kRead, 7);
  talk.Read("xyz");
  const std::vector<ReadTcp> segments = Segments();
  ASSERT_EQ(segments.size(), 6U);
  EXPECT_EQ(segments[4].sequence, segments[3].sequence + 3 + 1000);
  // The other direction was joined at its beginning, so that its first bytes are missing, too.
  EXPECT_EQ(segments[5].sequence, segments[3].acknowledgement + 7);
  EXPECT_EQ(Packets()[4].comment(), "pid=1234 comm=curl direction=write missing=1000");
  EXPECT_EQ(Packets()[5].comment(), "pid=1234 comm=curl direction=read missing=7");
}

TEST_F(PcapngFormatTest, AConnectionJoinedLateHasNoHandshakeAndMissesNothing) {
  Talk talk(format, out);
  talk.Lose(DataType::kWrite, 5000);
  talk.Lose(DataType::kRead, 70000);
  talk.Write(kRequest);
  talk.Read(kResponse);
  const std::vector<ReadTcp> segments = Segments();
  ASSERT_EQ(segments.size(), 2U);
  EXPECT_EQ(segments[0].flags, kPshAck);
  EXPECT_EQ(segments[0].sequence, 0x2222'2222U + 5000);
  EXPECT_EQ(segments[1].sequence, 0x1111'1111U + 70000);
  EXPECT_EQ(segments[1].acknowledgement, segments[0].sequence + kRequest.size());
  EXPECT_EQ(Packets()[0].comment(),
            "pid=1234 comm=curl direction=write; its beginning was not captured");
  EXPECT_EQ(Packets()[1].comment(), "pid=1234 comm=curl direction=read");
}

TEST_F(PcapngFormatTest, WhatIsHeardLateWasNotAcknowledgedBefore) {
  for (const std::uint64_t gib : {1, 2, 3, 4, 7}) {
    SCOPED_TRACE(gib);
    out.clear();
    Talk talk(format, out, ClientConnection(gib));
    talk.Lose(DataType::kWrite, 5000);
    talk.Lose(DataType::kRead, gib << 30);
    talk.Write(kRequest);
    talk.Read(kResponse);
    talk.Read(kResponse);
    const std::vector<ReadTcp> segments = Segments();
    ASSERT_EQ(segments.size(), 3U);
    // RFC 9293 3.4: half of all numbers are ahead.
    EXPECT_LT((segments[1].sequence - segments[0].acknowledgement) & 0xffff'ffff, 1U << 31);
    EXPECT_EQ(segments[2].sequence, (segments[1].sequence + kResponse.size()) & 0xffff'ffff);
    EXPECT_THAT(Packets()[1].comment(), ::testing::Not(HasSubstr("missing")));
  }
}

TEST_F(PcapngFormatTest, NumbersGoRound) {
  Talk talk(format, out, ClientConnection(0x1111'1111'ffff'fff0));
  talk.Write(std::string(0x20, 'x'));
  talk.Write("after");
  talk.Read("answer");
  const std::vector<ReadTcp> segments = Segments();
  ASSERT_EQ(segments.size(), 6U);
  EXPECT_EQ(segments[0].sequence, 0xffff'ffefU);
  EXPECT_EQ(segments[3].sequence, 0xffff'fff0U);
  EXPECT_EQ(segments[4].sequence, 0x10U);
  EXPECT_EQ(segments[5].acknowledgement, 0x15U);
}

TEST_F(PcapngFormatTest, FirstBytesMayHaveTheNumber0) {
  Talk talk(format, out, ClientConnection(0x1111'1111'0000'0000));
  talk.Write("x");
  EXPECT_EQ(Segments()[0].sequence, 0xffff'ffffU);
  EXPECT_EQ(Segments()[3].sequence, 0U);
}

TEST_F(PcapngFormatTest, OffsetsOf64BitsGoOn) {
  Talk talk(format, out);
  talk.offsets[1] = 0x12'3456'7890;
  talk.Write("abc");
  talk.Write("def");
  talk.offsets[0] = ~std::uint64_t{0} - 1;
  talk.Read("wraps");
  const std::vector<ReadTcp> segments = Segments();
  ASSERT_EQ(segments.size(), 3U);
  EXPECT_EQ(segments[0].sequence, 0x2222'2222U + 0x3456'7890U);
  EXPECT_EQ(segments[1].sequence, segments[0].sequence + 3);
  EXPECT_EQ(segments[2].data, "wraps");
}

TEST_F(PcapngFormatTest, AHoleThatNumbersCannotTellIsShownSmallerAndSaidWhole) {
  Talk talk(format, out);
  talk.Write("abc");
  talk.Lose(DataType::kWrite, std::uint64_t{5} << 32);
  talk.Write("def");
  talk.Write("ghi");
  const std::vector<ReadTcp> segments = Segments();
  ASSERT_EQ(segments.size(), 6U);
  EXPECT_EQ(segments[4].sequence, segments[3].sequence + 3 + (1U << 30));
  EXPECT_EQ(segments[5].sequence, segments[4].sequence + 3);
  EXPECT_THAT(Packets()[4].comment(), HasSubstr(" missing=21474836480"));
}

TEST_F(PcapngFormatTest, AnotherStreamOnTheSameSocketBeginsAnew) {
  Talk talk(format, out);
  talk.Write(kRequest);
  talk.Read(kResponse);
  talk.offsets[0] = talk.offsets[1] = 0;
  talk.Write(kRequest);
  talk.Read(kResponse);
  const std::vector<ReadTcp> segments = Segments();
  ASSERT_EQ(segments.size(), 10U);
  EXPECT_EQ(segments[5].flags, kSyn);
  EXPECT_NE(segments[5].sequence, segments[0].sequence);
  EXPECT_EQ(segments[8].sequence, segments[5].sequence + 1);
  EXPECT_EQ(segments[9].sequence, segments[6].sequence + 1);
  EXPECT_EQ(segments[9].acknowledgement, segments[8].sequence + kRequest.size());
}

TEST_F(PcapngFormatTest, CutsPiecesThatAreTooLargeForAPacket) {
  std::string body;
  while (body.size() < 5'000'001) body += std::to_string(body.size());
  Talk talk(format, out);
  talk.Write(body);
  std::string joined;
  std::uint64_t next = 0x2222'2222;
  for (const ReadTcp& segment : Segments()) {
    if (segment.data.empty()) continue;
    EXPECT_LE(segment.data.size(), PcapngFormat::kMaxSegmentBytes);
    EXPECT_EQ(segment.sequence, next);
    next += segment.data.size();
    joined += segment.data;
  }
  EXPECT_TRUE(joined == body);
}

TEST_F(PcapngFormatTest, NamesOfAnyLengthAndContentLeaveAFileThatCanBeRead) {
  const std::string letters(std::size_t{1} << 20, 'n');
  const AgentIdentity agent{letters, std::string(std::size_t{1} << 20, '\n'), 7};
  format.SetAgent(&agent);
  Talk talk(format, out);
  for (const char byte : {'n', '\xbf', '\xc3'}) {
    talk.info.comm.assign(std::size_t{1} << 20, byte);
    talk.Write(std::string(100'000, 'x'));
  }
  EXPECT_EQ(Packets().size(), 3 + 3 * 7U);
  EXPECT_LT(out.size(), 400'000U);
}

TEST_F(PcapngFormatTest, Ipv6IsIpv6) {
  ConnectionInfo info = ClientConnection();
  info.tuple.family = AddressFamily::kIpv6;
  info.tuple.local.address = {0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  info.tuple.remote.address = {0x20, 0x01, 0x48, 0x60, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x88, 0x88};
  Talk talk(format, out, info);
  talk.Write(kRequest);
  const ReadTcp request = Segments().at(3);
  EXPECT_EQ(request.version, 6U);
  EXPECT_EQ(request.source,
            std::string(info.tuple.local.address.begin(), info.tuple.local.address.end()));
  EXPECT_EQ(request.destination,
            std::string(info.tuple.remote.address.begin(), info.tuple.remote.address.end()));
}

TEST_F(PcapngFormatTest, NeverGuessesAddresses) {
  Talk one(format, out, ClientConnection(1)), two(format, out, ClientConnection(2));
  one.info.tuple = two.info.tuple = {};
  one.Write(kRequest);
  two.Write(kRequest);
  one.info.tuple = ClientConnection().tuple;
  one.Read(kResponse);
  const std::vector<ReadBlock> packets = Packets();
  ASSERT_EQ(packets.size(), 9U);
  EXPECT_EQ(packets[3].comment(), "pid=1234 comm=curl direction=write; addresses unknown");
  EXPECT_EQ(packets[8].comment(),
            "pid=1234 comm=curl direction=read; addresses unknown at first, now "
            "127.0.0.1:50000-127.0.0.2:443");
  EXPECT_EQ(packets[0].tcp().source.substr(0, 4), "\x20\x01\x0d\xb8");
  EXPECT_NE(packets[0].tcp().source, packets[4].tcp().source);
  EXPECT_EQ(packets[8].tcp().destination, packets[3].tcp().source);
}

TEST_F(PcapngFormatTest, KeepsBothEndsOfAConnectionApartAndSaysSo) {
  ConnectionInfo server = ClientConnection(2);
  std::swap(server.tuple.local, server.tuple.remote);
  server.comm = "nginx";
  Talk client_talk(format, out), server_talk(format, out, server);
  client_talk.Write(kRequest);
  server_talk.Read(kRequest);
  const std::vector<ReadBlock> packets = Packets();
  ASSERT_EQ(packets.size(), 8U);
  EXPECT_EQ(packets[3].tcp().version, 4U);
  EXPECT_EQ(packets[7].tcp().version, 6U);
  EXPECT_EQ(packets[7].tcp().source_port, 50000U);
  EXPECT_EQ(packets[7].comment(),
            "pid=1234 comm=nginx direction=read; addresses mapped to IPv6: another connection "
            "has the same");
}

TEST_F(PcapngFormatTest, AForgottenConnectionGoesOnWithItsNumbers) {
  Talk talk(format, out);
  talk.Write(kRequest);
  std::string others;
  for (std::uint64_t id = 1; id <= TcpConversations::kMaxConversations; ++id) {
    Talk other(format, others, ClientConnection(id));
    other.info.tuple = {};
    other.Write("x");
    others.clear();
  }
  talk.Write("more");
  const std::vector<ReadTcp> segments = Segments();
  ASSERT_EQ(segments.size(), 5U);
  EXPECT_EQ(segments[4].sequence, segments[3].sequence + kRequest.size());
}

TEST_F(PcapngFormatTest, ClosesWhatItKnowsOnce) {
  Talk talk(format, out);
  talk.Close();
  EXPECT_EQ(out, "");
  talk.Change(ConnDataEvent::State::kOpened);
  EXPECT_EQ(out, "");
  talk.Write(kRequest);
  talk.Close();
  const std::size_t size = out.size();
  talk.Close();
  EXPECT_EQ(out.size(), size);
}

TEST_F(PcapngFormatTest, ShowsNothingElse) {
  const ConnectionInfo info = ClientConnection();
  const Message message;
  format.Append(MessageEvent{info, DataType::kRead, {}, message}, out);
  format.Append(LossEvent{info, DataType::kRead, {}, 5, kPcapngNow}, out);
  format.Append(WarningEvent{"text"}, out);
  EXPECT_EQ(out, "");
}

TEST_F(PcapngFormatTest, NotesWhereHttpFollowsWithItsEnds) {
  Talk talk(format, out);
  talk.Write(kRequest);
  talk.Read(kResponse);
  const std::vector<ReadBlock> notes = Notes();
  ASSERT_EQ(notes.size(), 1U);
  EXPECT_THAT(notes[0].packet(), HasSubstr("http_tcp"));
  EXPECT_THAT(notes[0].packet(), HasSubstr(std::string("\0\x14\0\4\x7f\0\0\1", 8)));
  EXPECT_THAT(notes[0].packet(), HasSubstr(std::string("\0\x1a\0\4\0\0\1\xbb", 8)));
  EXPECT_EQ(notes[0].comment(), "pid=1234 comm=curl; note for Wireshark, not captured");
  // After the handshake, which would begin a conversation of which nothing is noted.
  const std::vector<ReadBlock> all = ReadBlocks(out);
  EXPECT_EQ(all[3].interface(), 1U);
  EXPECT_EQ(all[4].tcp().data, kRequest);
}

TEST_F(PcapngFormatTest, NotesHttp2ThatTheServerBegins) {
  const std::string settings("\0\0\0\x04\0\0\0\0\0", 9);
  Talk(format, out, ClientConnection(1)).Write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  EXPECT_EQ(Notes().size(), 1U);
  out.clear();
  Talk(format, out, ClientConnection(2)).Read(settings);
  EXPECT_EQ(Notes().size(), 2U);
}

TEST_F(PcapngFormatTest, NotesNothingThatItDoesNotKnow) {
  Talk mail(format, out, ClientConnection(1));
  mail.Read("220 mail.example ESMTP\r\n");
  EXPECT_TRUE(Notes().empty());
  Talk late(format, out, ClientConnection(2));
  late.offsets[1] = 500;
  late.info.handshake.protocol = "h2";
  late.Write("in the middle of a frame");
  EXPECT_TRUE(Notes().empty());
  Talk agreed(format, out, ClientConnection(3));
  agreed.info.handshake.protocol = "h2";
  agreed.Write("PRI *");  // not all of the preface
  EXPECT_EQ(Notes().size(), 1U);
}

TEST_F(PcapngFormatTest, WithoutNotesThereIsOneInterface) {
  PcapngFormat plain({.realtime_offset_ns = kPcapngOffset, .wireshark_notes = false});
  Talk(plain, out).Write(kRequest);
  EXPECT_EQ(ReadBlocks(plain.Start()).size(), 2U);
  for (const ReadBlock& packet : ReadBlocks(out)) EXPECT_EQ(packet.interface(), 0U);
  EXPECT_EQ(plain.Dropped(3, 4000), "");
}

TEST_F(PcapngFormatTest, TellsOfDroppedBlocksInANote) {
  Talk(format, out).Write(kRequest);
  const std::vector<ReadBlock> notes = PacketsOf(format.Dropped(3, 4000), 1);
  ASSERT_EQ(notes.size(), 1U);
  EXPECT_EQ(notes[0].comment(), "3 blocks (4000 bytes) are missing here: the output is too slow");
  EXPECT_EQ(PacketsOf(format.Dropped(3, 0), 1).at(0).comment(),
            "3 blocks are missing here: the output is too slow");
  EXPECT_THAT(notes[0].packet(), HasSubstr(notes[0].comment()));
  EXPECT_EQ(notes[0].unix_ns(), kPcapngUnixNow + 1000);
}

/// HTTP/1.1 with a hole, over IPv4.
void TalkHttp1(Talk& talk) {
  talk.Write(kRequest);
  talk.Read(kResponse);
  talk.Lose(DataType::kWrite, 100);
  talk.Write("GET /after-a-gap HTTP/1.1\r\nHost: a\r\n\r\n");
  talk.Read(kResponse);
}

/// HTTP/2, begun by the server.
void TalkHttp2(Talk talk) {
  const std::string settings("\0\0\0\4\0\0\0\0\0", 9);
  talk.Read(settings);
  talk.Write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + settings);
  // RFC 7541 A, 6.2.2: :method GET, :scheme https, :path /, :authority a; :status 200
  talk.Write(std::string("\0\0\6\1\5\0\0\0\1\x82\x87\x84\1\1a", 15));
  talk.Read(std::string("\0\0\1\1\4\0\0\0\1\x88\0\0\5\0\1\0\0\0\1hello", 24));
  talk.Close();
}

void TalkWebSocket(Talk talk) {
  talk.Write(
      "GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n");
  talk.Read(
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n");
  talk.Write(std::string("\x81\x85\0\0\0\0world", 11));
  talk.Read("\x81\x02hi");
}

/// A file with every kind of packet that there is.
std::string EveryKindOfPacket() {
  PcapngFormat format({.realtime_offset_ns = kPcapngOffset, .application = "tlscope golden"});
  std::string out = format.Start();
  Talk http(format, out, ClientConnection(0x0101'0101'ffff'ffff));
  TalkHttp1(http);

  ConnectionInfo other_end = ClientConnection(0x0202'0202'0303'0303);
  std::swap(other_end.tuple.local, other_end.tuple.remote);
  other_end.pid = 99;
  other_end.comm = "nginx";
  Talk server(format, out, other_end);
  server.Read(kRequest);
  server.Write(kResponse);

  ConnectionInfo ipv6 = ClientConnection(0x0404'0404'0505'0505);
  ipv6.tuple.family = AddressFamily::kIpv6;
  ipv6.tuple.local.address[0] = ipv6.tuple.remote.address[0] = 0;
  ipv6.tuple.local.address[15] = ipv6.tuple.remote.address[15] = 1;
  ipv6.comm = "nghttp";
  TalkHttp2(Talk(format, out, ipv6));

  ConnectionInfo unknown = ClientConnection(0x0606'0606'0707'0707);
  unknown.tuple = {};
  unknown.comm = "node";
  TalkWebSocket(Talk(format, out, unknown));

  // The same ports once more, for something else.
  http.Close();
  TalkHttp2(Talk(format, out, ClientConnection(0x0808'0808'0909'0909)));
  return out + format.Dropped(2, 700);
}

// tests/e2e/test_pcapng.py has tshark read the same file.
TEST_F(PcapngFormatTest, WritesTheGoldenFile) {
  const std::string path = TLSCOPE_TESTDATA "/formats/golden.pcapng";
  const std::string made = EveryKindOfPacket();
  std::ostringstream golden;
  golden << std::ifstream(path, std::ios::binary).rdbuf();
  if (golden.str() == made) return;
  const std::string actual = ::testing::TempDir() + "golden.pcapng";
  std::ofstream(actual, std::ios::binary) << made;
  ADD_FAILURE() << path << " is not what is written now: " << actual;
}

}  // namespace
}  // namespace tlscope::testing
