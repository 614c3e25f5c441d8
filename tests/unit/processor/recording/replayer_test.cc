// SPDX-License-Identifier: Apache-2.0
#include "processor/recording/replayer.h"

#include <gmock/gmock.h>

#include "processor/formats/text_format.h"
#include "processor/outputs/output.h"
#include "tests/unit/processor/connections/processor_fixture.h"
#include "tests/unit/processor/recording/recorded_events.h"

namespace tlscope {
namespace {

using testing::Bytes;
using testing::BytesOf;
using testing::kMillisecond;
using testing::kSecond;
using testing::kStart;
using testing::TracedSsl;

/// Keeps all that is pushed.
class StringSink final : public Sink {
 public:
  bool Push(std::string block) override {
    text += block;
    return true;
  }
  void Close() override {}
  SinkStats stats() const override { return {}; }

  std::string text;
};

/// A processor whose messages become text.
struct TextPipeline {
  explicit TextPipeline(const ProcessorOptions& options = {})
      : output(std::make_shared<TextFormat>(TextFormatOptions{}), sink),
        subscribed(bus.Subscribe("events.#", output)),
        processor(options, bus) {}

  EventBus bus;
  StringSink sink;
  Output output;
  bool subscribed;
  EventProcessor processor;
};

/// As kernels tell of it: two connections that talk by turns, with gaps, pauses and sockets.
std::vector<Bytes> Conversation() {
  TracedSsl http;
  http.sock = 77;
  TracedSsl raw{.ssl = 0x7f00'0000'2000, .pid = 99, .comm = "odd"};
  std::vector<Bytes> records;
  std::uint64_t now = kStart;
  const auto add = [&](const Bytes& record) { records.push_back(record); };
  add(BytesOf(testing::MakeConn(77, TLSCOPE_CONN_OPENED)));
  for (int i = 0; i < 20; ++i) {
    const std::string body(static_cast<std::size_t>(i) * 800, 'b');
    add(http.Call(TLSCOPE_WRITE, "GET /" + std::to_string(i) + " HTTP/1.1\r\n\r\n", now).Encode());
    now += 3 * kMillisecond;
    add(http.Call(TLSCOPE_READ,
                  "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
                      body,
                  now)
            .Encode());
    add(raw.Call(TLSCOPE_WRITE, "not http at all", now).Encode());
    now += (i % 5 == 4 ? 1500 : 40) * kMillisecond;
    if (i == 10) http.offset[TLSCOPE_READ] += 500;
  }
  add(BytesOf(raw.End()));
  add(http.Call(TLSCOPE_WRITE, "GET /unfinished HTTP/1.1\r\n", now).Encode());
  return records;
}

std::vector<Record> Decoded(const std::vector<Bytes>& records) {
  std::vector<Record> events;
  for (const Bytes& record : records) events.push_back(Decode(record).value());
  return events;
}

/// With the hashes of sockets left out: they have a key of their own.
std::string Comparable(const std::string& text) {
  constexpr std::size_t kDigits = 16;
  std::string without;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const bool id = text[at] == '_' && at + kDigits + 1 < text.size() &&
                    text[at + kDigits + 1] == ',' &&
                    text.find_first_not_of("0123456789abcdef", at + 1) == at + kDigits + 1;
    without += id ? std::string("_socket") : std::string(1, text[at]);
    if (id) at += kDigits;
  }
  return without;
}

std::string Replayed(const std::string& recording, std::size_t grain = 1U << 20,
                     Replayer::Await await = {}) {
  testing::MemorySource source(recording, grain);
  const auto reader = RecordingReader::Open(source);
  EXPECT_TRUE(reader);
  ProcessorOptions options;
  options.socket_key = HashKey{};
  TextPipeline pipeline(options);
  Replayer replayer(pipeline.processor, options, std::move(await));
  Record event;
  while ((*reader)->Next(event) == RecordingReader::Status::kEvent) {
    if (!replayer.OnEvent(event)) break;
  }
  replayer.Close();
  return pipeline.sink.text;
}

TEST(ReplayerTest, AReplayPrintsWhatTheEventsThemselvesDo) {
  const std::vector<Bytes> records = Conversation();
  TextPipeline direct;
  Replayer clock(direct.processor, {});
  for (const Record& event : Decoded(records)) EXPECT_TRUE(clock.OnEvent(event));
  clock.Close();
  const std::string recording = testing::RecordingOf(Decoded(records));
  const std::string replayed = Replayed(recording);
  EXPECT_TRUE(Comparable(replayed) == Comparable(direct.sink.text));
  EXPECT_THAT(replayed, ::testing::HasSubstr("GET /19 HTTP/1.1"));
  EXPECT_THAT(replayed, ::testing::HasSubstr("Lost:"));
}

TEST(ReplayerTest, EveryReplayOfARecordingIsTheSameByteForByte) {
  const std::string recording = testing::RecordingOf(Decoded(Conversation()));
  const std::string replayed = Replayed(recording);
  EXPECT_TRUE(Replayed(recording, 1) == replayed);
  EXPECT_TRUE(Replayed(recording, 1000, [](std::uint64_t) { return true; }) == replayed);
}

TEST(ReplayerTest, TellsRingRecordsAndEventsAlike) {
  const std::vector<Bytes> records = Conversation();
  TextPipeline from_ring({.socket_key = HashKey{}});
  TextPipeline from_events({.socket_key = HashKey{}});
  for (const Bytes& record : records) from_ring.processor.OnRecord(record);
  for (const Record& event : Decoded(records)) from_events.processor.OnEvent(event);
  from_ring.processor.Close(kStart + 100 * kSecond);
  from_events.processor.Close(kStart + 100 * kSecond);
  EXPECT_TRUE(from_events.sink.text == from_ring.sink.text);
  EXPECT_EQ(from_events.processor.stats().records, from_ring.processor.stats().records);
}

TEST(ReplayerTest, APauseEndsAPieceWheneverItBegan) {
  TracedSsl other{.ssl = 0x7f00'0000'2000, .pid = 99, .comm = "other"};
  TracedSsl raw;
  std::vector<Bytes> records{other.Call(TLSCOPE_WRITE, "not http", kStart).Encode()};
  const std::uint64_t begin = kStart + 50 * kMillisecond;
  const auto call = [&](std::string_view text, std::uint64_t ms) {
    records.push_back(raw.Call(TLSCOPE_WRITE, text, begin + ms * kMillisecond).Encode());
  };
  call("before ", 0);
  call("the pause", 60);
  call("after it", 180);  // before the tick at 300
  TextPipeline pipeline;
  Replayer replayer(pipeline.processor, {});
  for (const Record& event : Decoded(records)) EXPECT_TRUE(replayer.OnEvent(event));
  replayer.Close();
  const std::string& text = pipeline.sink.text;
  EXPECT_THAT(text, ::testing::HasSubstr("before the pause\n"));
  EXPECT_THAT(text, ::testing::HasSubstr("after it"));
  EXPECT_THAT(text, ::testing::Not(::testing::HasSubstr("pauseafter")));
}

TEST(ReplayerTest, EventsThatComeLateEndNothing) {
  TracedSsl first{.ssl = 0x7f00'0000'2000, .pid = 99, .comm = "first"};
  TracedSsl second;
  const std::string recording = testing::RecordingOf(Decoded({
      first.Call(TLSCOPE_WRITE, "GET /one HTTP/1.1\r\n\r\n", kStart + 100 * kSecond).Encode(),
      BytesOf(first.End()),
      second.Call(TLSCOPE_WRITE, "GET /two HTTP/1.1\r\n", kStart).Encode(),
      second.Call(TLSCOPE_WRITE, "\r\n", kStart + 10 * kMillisecond).Encode(),
  }));
  EXPECT_THAT(Replayed(recording), ::testing::HasSubstr("GET /two HTTP/1.1\r\n\r\n"));
}

TEST(ReplayerTest, TicksAsRecordedTimePasses) {
  TextPipeline pipeline;
  std::vector<std::uint64_t> due;
  Replayer replayer(pipeline.processor, {}, [&](std::uint64_t ktime_ns) {
    due.push_back(ktime_ns);
    return true;
  });
  SSLDataEvent event = testing::MakeData("x");
  const auto give = [&](std::uint64_t ktime_ns) {
    event.origin.ktime_ns = ktime_ns;
    EXPECT_TRUE(replayer.OnEvent(event));
  };
  give(kStart);
  give(kStart + 250 * kMillisecond);
  give(kStart + 240 * kMillisecond);  // of another CPU
  give(kStart + 300 * kMillisecond);
  EXPECT_THAT(
      due, ::testing::ElementsAre(kStart, kStart + 100 * kMillisecond, kStart + 200 * kMillisecond,
                                  kStart + 250 * kMillisecond, kStart + 250 * kMillisecond,
                                  kStart + 300 * kMillisecond, kStart + 300 * kMillisecond));
}

TEST(ReplayerTest, TimesThatMakeNoSenseTakeNoTime) {
  TextPipeline pipeline;
  std::size_t waits = 0;
  Replayer replayer(pipeline.processor, {}, [&](std::uint64_t) {
    ++waits;
    return true;
  });
  SSLDataEvent event = testing::MakeData("x");
  for (const std::uint64_t ktime_ns : {0ULL, 1ULL << 63, 5ULL, ~0ULL, 7ULL}) {
    event.origin.ktime_ns = ktime_ns;
    EXPECT_TRUE(replayer.OnEvent(event));
  }
  replayer.Close();
  EXPECT_LT(waits, 100U);
}

TEST(ReplayerTest, StopsWhenItIsTold) {
  TextPipeline pipeline;
  Replayer replayer(pipeline.processor, {}, [](std::uint64_t) { return false; });
  EXPECT_FALSE(replayer.OnEvent(testing::MakeData("x")));
  EXPECT_EQ(pipeline.processor.stats().records, 0U);
}

}  // namespace
}  // namespace tlscope
