// SPDX-License-Identifier: Apache-2.0
#include "processor/recording/recording_reader.h"

#include <gmock/gmock.h>

#include "processor/recording/entry_checksum.h"
#include "processor/recording/recording_limits.h"
#include "tests/unit/processor/recording/recorded_events.h"
#include "tlscope/v1/recording.pb.h"

namespace tlscope {
namespace {

using testing::EveryKind;
using ::testing::HasSubstr;
using testing::kRecordingKey;
using testing::MakeData;
using testing::MemorySource;
using testing::ReadAll;
using testing::ReadBack;
using testing::RecordingOf;
using Status = RecordingReader::Status;

std::uint64_t Hidden(std::uint64_t address, std::uint32_t owner) {
  return address == 0 ? 0 : KeyedHash(kRecordingKey, address, owner);
}

void ExpectSame(const EventOrigin& a, const EventOrigin& b) {
  EXPECT_EQ(a.ktime_ns, b.ktime_ns);
  EXPECT_EQ(a.pid, b.pid);
  EXPECT_EQ(a.tid, b.tid);
  EXPECT_EQ(a.comm(), b.comm());
}
void ExpectSame(const SslId& read, const SslId& was) {
  EXPECT_EQ(read, (SslId{was.pid, Hidden(was.address, was.pid), was.generation}));
}
void ExpectSame(const SocketId& read, const SocketId& was) {
  EXPECT_EQ(read, (SocketId{Hidden(was.address, 0), was.generation}));
}
template <class Event>
void ExpectSamePlace(const Event& read, const Event& was) {
  ExpectSame(read.ssl, was.ssl);
  ExpectSame(read.socket, was.socket);
  EXPECT_EQ(read.tuple, was.tuple);
  EXPECT_EQ(read.provenance, was.provenance);
  EXPECT_EQ(read.fd, was.fd);
}

void ExpectSame(const SSLDataEvent& read, const SSLDataEvent& was) {
  ExpectSamePlace(read, was);
  EXPECT_EQ(read.direction, was.direction);
  EXPECT_EQ(read.stream_offset, was.stream_offset);
  EXPECT_EQ(read.call_bytes, was.call_bytes);
  EXPECT_EQ(read.ends_call, was.ends_call);
  EXPECT_EQ(read.socket_pending, was.socket_pending);
  EXPECT_EQ(read.chunk_offset, was.chunk_offset);
  EXPECT_EQ(read.missed, was.missed);
  EXPECT_EQ(read.time_ns(), was.time_ns());
  EXPECT_EQ(read.data, was.data);
}
void ExpectSame(const ConnDataEvent& read, const ConnDataEvent& was) {
  ExpectSame(read.socket, was.socket);
  EXPECT_EQ(read.tuple, was.tuple);
  EXPECT_EQ(read.state, was.state);
}
void ExpectSame(const SSLEndEvent& read, const SSLEndEvent& was) {
  ExpectSame(read.ssl, was.ssl);
  EXPECT_EQ(read.bytes, was.bytes);
}
void ExpectSame(const SSLSocketEvent& read, const SSLSocketEvent& was) {
  ExpectSamePlace(read, was);
}
void ExpectSame(const SSLHandshakeEvent& read, const SSLHandshakeEvent& was) {
  ExpectSamePlace(read, was);
  EXPECT_EQ(read.kind, was.kind);
  EXPECT_EQ(read.direction, was.direction);
  EXPECT_EQ(read.data, was.data);
}

/// A header without a checksum.
std::string BareHeader() {
  v1::RecordingEntry entry;
  entry.mutable_header()->set_magic(std::string(kRecordingMagic));
  entry.mutable_header()->set_format_version(kRecordingVersion);
  std::string bytes;
  AppendDelimited(entry, bytes);
  return bytes;
}

v1::RecordingEntry BareEnd() {
  v1::RecordingEntry entry;
  entry.mutable_end();
  return entry;
}

/// The same entry with its checksum.
v1::RecordingEntry Checked(v1::RecordingEntry entry) {
  entry.set_checksum(EntryChecksum(entry.SerializeAsString()));
  return entry;
}

/// The bytes of a recording with this entry in it.
std::string With(const v1::RecordingEntry& entry) {
  std::string bytes = BareHeader();
  AppendDelimited(entry, bytes);
  return bytes + EncodeRecordingEnd({});
}

v1::RecordingEntry GoodData() {
  v1::RecordingEntry entry;
  entry.mutable_data()->mutable_place()->mutable_ssl()->set_id(1);
  entry.mutable_data()->set_data("x");
  return entry;
}

TEST(RecordingTest, GivesEveryFieldOfEveryKindBackWithItsAddressesHidden) {
  const std::vector<Record> events = EveryKind();
  const std::string bytes = RecordingOf(events);
  MemorySource source(bytes);
  const auto reader = RecordingReader::Open(source);
  ASSERT_TRUE(reader) << reader.error().Describe();
  Record read;
  for (const Record& was : events) {
    ASSERT_EQ((*reader)->Next(read), Status::kEvent);
    ASSERT_EQ(read.index(), was.index());
    std::visit(
        [&](const auto& event) {
          using Event = std::decay_t<decltype(event)>;
          ExpectSame(std::get<Event>(read).origin, event.origin);
          ExpectSame(std::get<Event>(read), event);
        },
        was);
  }
  EXPECT_EQ((*reader)->Next(read), Status::kEnd);
  EXPECT_EQ((*reader)->damage(), "");
}

TEST(RecordingTest, SaysWhatItIsAndWhatItLacks) {
  RecordingTotals totals;
  totals.seen_calls = 5;
  totals.seen_bytes = 70;
  totals.losses = {{"ring full", 2, 30}, {"paused", 1, 0}};
  totals.dropped_entries = 3;
  totals.dropped_bytes = 22;
  std::string bytes = RecordingOf({}, totals);
  MemorySource source(bytes);
  const auto reader = RecordingReader::Open(source);
  ASSERT_TRUE(reader);
  EXPECT_EQ((*reader)->info().tlscope_version, "1.2");
  EXPECT_EQ((*reader)->info().host, "host");
  EXPECT_EQ((*reader)->info().kernel, "6.1");
  EXPECT_EQ((*reader)->info().started_unix_ns, 5);
  EXPECT_EQ((*reader)->info().realtime_offset_ns, 7);
  EXPECT_FALSE((*reader)->totals());
  Record read;
  EXPECT_EQ((*reader)->Next(read), Status::kEnd);
  EXPECT_EQ((*reader)->totals(), totals);
}

TEST(RecordingTest, HoldsNoAddress) {
  const std::string bytes = RecordingOf(EveryKind());
  for (const std::uint64_t address : {0x7f00'0000'1000ULL, 0xffff'8000'0000'1000ULL}) {
    std::string little(8, '\0');
    std::memcpy(little.data(), &address, little.size());
    EXPECT_EQ(bytes.find(little), std::string::npos);
  }
}

TEST(RecordingTest, IsTheSameInWhateverPiecesItComes) {
  const std::string bytes = RecordingOf(EveryKind());
  const ReadBack whole = ReadAll(bytes);
  EXPECT_EQ(whole.status, Status::kEnd);
  for (const std::size_t grain : {1U, 2U, 7U, 100U}) {
    const ReadBack pieces = ReadAll(bytes, grain);
    EXPECT_EQ(pieces.events, whole.events);
    EXPECT_EQ(pieces.status, Status::kEnd) << pieces.damage;
  }
}

TEST(RecordingTest, CutAnywhereYieldsWhatComesBeforeAndSaysWhere) {
  const std::string bytes = RecordingOf(EveryKind());
  const std::size_t header_bytes = EncodeRecordingHeader({"1.2", "host", "6.1", 5, 7}).size();
  const ReadBack whole = ReadAll(bytes);
  std::size_t most = 0;
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
    SCOPED_TRACE(cut);
    const ReadBack read = ReadAll(std::string_view(bytes).substr(0, cut));
    EXPECT_EQ(read.status, Status::kDamaged);
    ASSERT_LE(read.events.size(), whole.events.size());
    EXPECT_TRUE(std::equal(read.events.begin(), read.events.end(), whole.events.begin()));
    EXPECT_GE(read.events.size(), most) << "more bytes give no fewer events";
    most = read.events.size();
    if (cut < header_bytes) {
      EXPECT_THAT(read.damage, HasSubstr(cut == 0 ? "it is empty" : "cut within its header"));
    } else {
      EXPECT_THAT(read.damage,
                  ::testing::AnyOf(HasSubstr("ends in the middle of a record at byte "),
                                   HasSubstr("ends without its end mark at byte ")));
    }
  }
  EXPECT_EQ(most, whole.events.size());
}

TEST(RecordingTest, NoFlippedBitMisleads) {
  testing::ExpectNoFlippedBitMisleads(RecordingOf(EveryKind()));
}

TEST(RecordingTest, AHoleIsNoEntries) {
  const std::string header = EncodeRecordingHeader({});
  const ReadBack read = ReadAll(header + std::string(4096, '\0') + EncodeRecordingEnd({}));
  EXPECT_THAT(read.damage, HasSubstr("corrupt at byte " + std::to_string(header.size()) +
                                     " (checksum missing): everything before it was read"));
  EXPECT_EQ(read.stats.unknown_entries, 0U);
}

TEST(RecordingTest, ChecksumsMayBeLeftOutOfAllEntries) {
  std::string bytes = BareHeader();
  AppendDelimited(GoodData(), bytes);
  AppendDelimited(BareEnd(), bytes);
  const ReadBack read = ReadAll(bytes);
  EXPECT_EQ(read.status, Status::kEnd) << read.damage;
  EXPECT_EQ(read.events.size(), 1U);
}

TEST(RecordingTest, TakesTheChecksumsOfOtherPrograms) {
  std::string bytes = EncodeRecordingHeader({});
  AppendDelimited(Checked(GoodData()), bytes);
  AppendDelimited(Checked(BareEnd()), bytes);
  const ReadBack read = ReadAll(bytes);
  EXPECT_EQ(read.status, Status::kEnd) << read.damage;
  EXPECT_EQ(read.events.size(), 1U);
}

TEST(RecordingTest, RefusesWrongChecksumsWhateverTheHeaderHas) {
  v1::RecordingEntry wrong = Checked(GoodData());
  wrong.set_checksum(wrong.checksum() + 1);
  const std::string fields = GoodData().SerializeAsString();
  const std::string field = Checked(GoodData()).SerializeAsString().substr(fields.size());
  std::string misplaced;
  AppendVarint(fields.size() + field.size(), misplaced);
  misplaced += field + fields;
  for (const std::string& header : {BareHeader(), EncodeRecordingHeader({})}) {
    std::string bytes = header;
    AppendDelimited(wrong, bytes);
    for (const std::string& recording : {bytes, header + misplaced}) {
      const ReadBack read = ReadAll(recording);
      EXPECT_THAT(read.damage, HasSubstr("(checksum wrong)"));
      EXPECT_EQ(read.events.size(), 0U);
    }
  }
}

TEST(RecordingTest, SaysThatItsHeaderIsDamaged) {
  std::string bytes = EncodeRecordingHeader({"1.2", "host", "6.1", 5, 7});
  bytes[bytes.find("host")] = 'g';
  EXPECT_THAT(ReadAll(bytes).damage, HasSubstr("its header is damaged"));
}

TEST(RecordingTest, LengthsOnlyClaimedAreNotBelieved) {
  const std::string header = EncodeRecordingHeader({});
  for (const std::uint64_t length : {kMaxRecordingEntryBytes + 1, std::size_t{1} << 40, SIZE_MAX}) {
    std::string bytes = header;
    AppendVarint(length, bytes);
    const ReadBack read = ReadAll(bytes + std::string(100, 'x'));
    EXPECT_THAT(read.damage, HasSubstr("corrupt at byte " + std::to_string(header.size()) + ":"));
  }
  const ReadBack varint = ReadAll(header + std::string(11, '\xff'));
  EXPECT_THAT(varint.damage, HasSubstr("corrupt at byte "));
}

TEST(RecordingTest, RefusesWhatIsNoRecording) {
  for (const std::string& bytes :
       {"GET / HTTP/1.1\r\n" + std::string(1000, 'x'), std::string(1000, '\0'),
        std::string(1000, '\xff'), EncodeRecordingLoss(1, 2)}) {
    EXPECT_THAT(ReadAll(bytes).damage, HasSubstr("something else than a recording"));
  }
}

TEST(RecordingTest, RefusesVersionsThatItDoesNotKnow) {
  v1::RecordingEntry entry;
  entry.mutable_header()->set_magic(std::string(kRecordingMagic));
  entry.mutable_header()->set_format_version(2);
  std::string bytes;
  AppendDelimited(entry, bytes);
  EXPECT_THAT(ReadAll(bytes).damage, HasSubstr("it is of version 2"));
}

TEST(RecordingTest, TellsForWhichPortsItIs) {
  RecordingInfo info;
  info.ports = {1, 443, 65535};
  const std::string bytes = EncodeRecordingHeader(info) + EncodeRecordingEnd({});
  EXPECT_EQ(ReadAll(bytes).info, info);
  v1::RecordingEntry entry;
  entry.mutable_header()->set_magic(std::string(kRecordingMagic));
  entry.mutable_header()->set_format_version(kRecordingVersion);
  entry.mutable_header()->add_ports(65536);
  std::string odd;
  AppendDelimited(entry, odd);
  EXPECT_THAT(ReadAll(odd).damage, HasSubstr("port out of range"));
}

TEST(RecordingTest, RefusesFieldsOutOfRange) {
  const auto refused = [](const char* field, const std::function<void(v1::RecordedData&)>& spoil) {
    v1::RecordingEntry entry = GoodData();
    spoil(*entry.mutable_data());
    const ReadBack read = ReadAll(With(entry));
    EXPECT_EQ(read.events.size(), 0U);
    EXPECT_THAT(read.damage, HasSubstr(field));
  };
  EXPECT_EQ(ReadAll(With(GoodData())).events.size(), 1U);
  refused("length of data", [](auto& data) { data.clear_data(); });
  refused("length of data", [](auto& data) { data.set_data(std::string(16385, 'x')); });
  refused("data beyond call_bytes", [](auto& data) {
    data.set_call_bytes(5);
    data.set_call_offset(5);
    data.set_stream_offset(9);
  });
  refused("data beyond call_bytes", [](auto& data) {
    data.set_call_bytes(5);
    data.set_call_offset(UINT64_MAX);
  });
  refused("stream_offset below", [](auto& data) {
    data.set_call_bytes(5);
    data.set_call_offset(3);
  });
  refused("stream_offset overflows", [](auto& data) { data.set_stream_offset(UINT64_MAX); });
  refused("direction", [](auto& data) { data.set_direction(static_cast<v1::DataType>(2)); });
  refused("comm too long",
          [](auto& data) { data.mutable_origin()->set_comm(std::string(16, 'x')); });
  refused("comm with a NUL",
          [](auto& data) { data.mutable_origin()->set_comm(std::string("a\0b", 3)); });
  refused("fd negative", [](auto& data) { data.mutable_place()->set_fd(-2); });
  refused("provenance", [](auto& data) {
    data.mutable_place()->set_provenance(static_cast<v1::RecordedProvenance>(9));
  });
  refused("length of an address", [](auto& data) { data.mutable_place()->mutable_tuple(); });
  refused("addresses of two kinds", [](auto& data) {
    data.mutable_place()->mutable_tuple()->mutable_local()->set_address("abcd");
  });
  refused("port", [](auto& data) {
    auto& tuple = *data.mutable_place()->mutable_tuple();
    tuple.mutable_local()->set_address("abcd");
    tuple.mutable_remote()->set_address("abcd");
    tuple.mutable_remote()->set_port(65536);
  });
}

TEST(RecordingTest, TakesACallWithoutItsLengthForWhole) {
  const std::string bytes = With(GoodData());
  MemorySource source(bytes);
  const auto reader = RecordingReader::Open(source);
  ASSERT_TRUE(reader);
  Record read;
  ASSERT_EQ((*reader)->Next(read), Status::kEvent);
  const auto& data = std::get<SSLDataEvent>(read);
  EXPECT_EQ(data.call_bytes, 1U);
  EXPECT_TRUE(data.ends_call);
  EXPECT_EQ(data.fd, -1);
}

TEST(RecordingTest, CountsMarksOfLossesAndEntriesOfNewerVersions) {
  std::string bytes = BareHeader() + EncodeRecordingLoss(3, 400) + EncodeRecordingLoss(1, 20);
  bytes += std::string("\x03\x9a\x06\x00", 4);  // field 99, empty
  const ReadBack read = ReadAll(bytes + EncodeRecordingEnd({}));
  EXPECT_EQ(read.status, Status::kEnd) << read.damage;
  EXPECT_EQ(read.stats.dropped_entries, 4U);
  EXPECT_EQ(read.stats.dropped_bytes, 420U);
  EXPECT_EQ(read.stats.unknown_entries, 1U);
}

TEST(RecordingTest, NoticesThatEntriesAreMissingOrTooMany) {
  const std::string header = EncodeRecordingHeader({});
  RecordingTotals totals;
  totals.recorded_entries = 2;
  RecordingWriter writer(kRecordingKey);
  const std::string event(writer.Encode(MakeData("x")));
  EXPECT_THAT(ReadAll(header + event + EncodeRecordingEnd(totals)).damage,
              HasSubstr("holds 1 of the 2 records"));
  const std::string whole = RecordingOf(EveryKind());
  EXPECT_THAT(ReadAll(whole + event).damage, HasSubstr("goes on behind its end"));
  EXPECT_THAT(ReadAll(header + event + header + EncodeRecordingEnd({})).damage,
              HasSubstr("corrupt at byte"));
}

}  // namespace
}  // namespace tlscope
