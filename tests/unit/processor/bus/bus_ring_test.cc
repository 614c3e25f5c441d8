// SPDX-License-Identifier: Apache-2.0
#include "processor/bus/bus_ring.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <deque>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace tlscope {
namespace {

using ReadResult = BusRing::ReadResult;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr std::size_t kBytes = 4096;
constexpr std::uint64_t kHeadBytes = 56;
constexpr TopicSet kAll = ~TopicSet{0};

void Push(BusRing& ring, std::string_view body, Topic topic = Topic::kHttpRequest) {
  ring.Push({.topic = topic, .sequence = ring.NextSequence(topic)}, body);
}

/// One of the records that fill the ring exactly, so that they end where it ends.
std::string EighthOfTheRing(char fill) {
  std::string body(kBytes / 8 - kHeadBytes, fill);
  return body;
}

/// What the cursor can read now, and how often it was told that it fell behind.
struct Seen {
  std::vector<std::string> bodies;
  std::size_t overruns = 0;
};

Seen ReadAll(const BusRing& ring, BusRing::Cursor& cursor, TopicSet topics = kAll) {
  Seen seen;
  BusRing::Head head;
  std::string out;
  while (true) {
    switch (ring.Read(cursor, topics, head, out, 0)) {
      case ReadResult::kNothing:
        return seen;
      case ReadResult::kRecord:
        seen.bodies.push_back(out);
        break;
      case ReadResult::kOverrun:
        ++seen.overruns;
        break;
      case ReadResult::kSkipped:
        break;
    }
  }
}

TEST(BusRingTest, HandsOutWhatWasPushed) {
  BusRing ring(kBytes);
  BusRing::Cursor cursor = ring.End();
  const BusRing::Head pushed{.topic = Topic::kConnOpened,
                             .kind = 3,
                             .stage = 4,
                             .sequence = 1,
                             .root_sequence = 6,
                             .time_unix_ns = -7,
                             .id = 8,
                             .parent = 9,
                             .root = ~std::uint64_t{0}};
  ring.Push(pushed, "body");
  BusRing::Head head;
  std::string out;
  ASSERT_EQ(ring.Read(cursor, kAll, head, out, 5), ReadResult::kRecord);
  EXPECT_EQ(head.topic, pushed.topic);
  EXPECT_EQ(head.kind, pushed.kind);
  EXPECT_EQ(head.stage, pushed.stage);
  EXPECT_EQ(head.sequence, pushed.sequence);
  EXPECT_EQ(head.root_sequence, pushed.root_sequence);
  EXPECT_EQ(head.time_unix_ns, pushed.time_unix_ns);
  EXPECT_EQ(head.id, pushed.id);
  EXPECT_EQ(head.parent, pushed.parent);
  EXPECT_EQ(head.root, pushed.root);
  EXPECT_EQ(out.substr(5), "body");
  EXPECT_EQ(ring.Read(cursor, kAll, head, out, 5), ReadResult::kNothing);
}

TEST(BusRingTest, KeepsBodiesOfEveryLength) {
  BusRing ring(kBytes);
  BusRing::Cursor cursor = ring.End();
  for (std::size_t size = 0; size <= ring.max_body_bytes(); ++size) {
    const std::string body(size, static_cast<char>('a' + size % 26));
    Push(ring, body);
    EXPECT_THAT(ReadAll(ring, cursor).bodies, ElementsAre(body)) << size;
  }
}

TEST(BusRingTest, RefusesASizeThatIsNoPowerOfTwo) {
  EXPECT_THROW(BusRing(kBytes + 8), std::invalid_argument);
  EXPECT_THROW(BusRing(kBytes / 2), std::invalid_argument);
}

TEST(BusRingTest, SkipsWhatIsOfAnotherTopic) {
  BusRing ring(kBytes);
  BusRing::Cursor cursor = ring.End();
  Push(ring, "request", Topic::kHttpRequest);
  Push(ring, "response", Topic::kHttpResponse);
  Push(ring, "again", Topic::kHttpRequest);
  BusRing::Head head;
  std::string out;
  const TopicSet responses = Only(Topic::kHttpResponse);
  EXPECT_EQ(ring.Read(cursor, responses, head, out, 0), ReadResult::kSkipped);
  EXPECT_EQ(ring.Read(cursor, responses, head, out, 0), ReadResult::kRecord);
  EXPECT_EQ(out, "response");
  EXPECT_EQ(ring.Read(cursor, responses, head, out, 0), ReadResult::kSkipped);
  EXPECT_EQ(ring.Read(cursor, responses, head, out, 0), ReadResult::kNothing);
  EXPECT_EQ(ring.SettleLosses(cursor, responses), 0U);
}

TEST(BusRingTest, LetsARecordWrapAnywhere) {
  for (std::size_t before = 0; before <= 4 * kHeadBytes; before += 8) {
    SCOPED_TRACE(before);
    BusRing ring(kBytes);
    for (int i = 0; i < 7; ++i) Push(ring, EighthOfTheRing('x'));
    Push(ring, std::string(before, 'y'));
    BusRing::Cursor cursor = ring.End();
    const std::string body(kBytes / 8 - kHeadBytes + 3, 'z');
    Push(ring, body);
    EXPECT_THAT(ReadAll(ring, cursor).bodies, ElementsAre(body));
  }
}

TEST(BusRingTest, KeepsARecordUntilItsFirstWordIsWrittenOver) {
  BusRing ring(kBytes);
  BusRing::Cursor cursor = ring.End();
  for (char fill = 'a'; fill < 'a' + 8; ++fill) Push(ring, EighthOfTheRing(fill));
  Seen seen = ReadAll(ring, cursor);
  EXPECT_EQ(seen.bodies.size(), 8U) << "the ring is exactly full";
  EXPECT_EQ(seen.overruns, 0U);

  cursor = ring.End();
  for (char fill = 'a'; fill < 'a' + 9; ++fill) Push(ring, EighthOfTheRing(fill));
  seen = ReadAll(ring, cursor);
  EXPECT_EQ(seen.overruns, 1U);
  ASSERT_EQ(seen.bodies.size(), 7U) << "not the one that is the next to go";
  EXPECT_EQ(seen.bodies.front(), EighthOfTheRing('c'));
  EXPECT_EQ(seen.bodies.back(), EighthOfTheRing('i'));
}

TEST(BusRingTest, BeginsAtTheLatestRecordsThatAreThere) {
  BusRing ring(kBytes);
  const auto bodies_back = [&](std::size_t records) {
    BusRing::Cursor cursor = ring.Back(records);
    return ReadAll(ring, cursor).bodies;
  };
  EXPECT_THAT(bodies_back(3), IsEmpty());
  for (const char* body : {"1", "2", "3", "4"}) Push(ring, body);
  EXPECT_THAT(bodies_back(0), IsEmpty());
  EXPECT_THAT(bodies_back(2), ElementsAre("3", "4"));
  EXPECT_THAT(bodies_back(9), ElementsAre("1", "2", "3", "4"));
  for (char fill = 'a'; fill < 'a' + 20; ++fill) Push(ring, EighthOfTheRing(fill));
  EXPECT_EQ(bodies_back(9).size(), 7U);
}

TEST(BusRingTest, BeginsAtMostAHistoryBack) {
  BusRing ring(std::size_t{1} << 20);
  for (std::size_t i = 0; i < 3 * BusRing::kHistory; ++i) Push(ring, std::to_string(i));
  BusRing::Cursor cursor = ring.Back(2 * BusRing::kHistory);
  const Seen seen = ReadAll(ring, cursor);
  ASSERT_EQ(seen.bodies.size(), BusRing::kHistory);
  EXPECT_EQ(seen.bodies.front(), "2000");
}

TEST(BusRingTest, CountsWhatWasWrittenOverByTopic) {
  BusRing ring(kBytes);
  BusRing::Cursor cursor = ring.End();
  Push(ring, "opened", Topic::kConnOpened);
  for (int i = 0; i < 100; ++i) Push(ring, EighthOfTheRing('x'));
  BusRing::Cursor other = cursor;
  EXPECT_EQ(ring.SettleLosses(cursor, kAll), 0U) << "it is not known to have fallen behind";
  const TopicSet opened = Only(Topic::kConnOpened);
  EXPECT_THAT(ReadAll(ring, cursor, opened).bodies, IsEmpty());
  EXPECT_EQ(ring.SettleLosses(cursor, opened), 1U);
  EXPECT_EQ(ring.SettleLosses(cursor, opened), 0U) << "counted once";
  const TopicSet closed = Only(Topic::kConnClosed);
  EXPECT_THAT(ReadAll(ring, other, closed).bodies, IsEmpty());
  EXPECT_EQ(ring.SettleLosses(other, closed), 0U) << "what it does not want it cannot lose";
}

TEST(BusRingTest, CountsLossesOnlyAtTheEndOfTheRing) {
  BusRing ring(kBytes);
  BusRing::Cursor cursor = ring.End();
  for (int i = 0; i < 20; ++i) Push(ring, EighthOfTheRing('x'));
  BusRing::Head head;
  std::string out;
  ASSERT_EQ(ring.Read(cursor, kAll, head, out, 0), ReadResult::kOverrun);
  EXPECT_EQ(ring.SettleLosses(cursor, kAll), 0U) << "seven more are there to be read";
}

TEST(BusRingTest, CountsWhatWasTooLongToBePushed) {
  BusRing ring(kBytes);
  BusRing::Cursor cursor = ring.End();
  Push(ring, "fits");
  ring.Skip(Topic::kHttpRequest);
  ring.Skip(Topic::kHttpResponse);
  EXPECT_EQ(ring.published(Topic::kHttpRequest), 2U);
  EXPECT_THAT(ReadAll(ring, cursor).bodies, ElementsAre("fits"));
  cursor.next[static_cast<std::size_t>(Topic::kHttpRequest)] = 2;
  EXPECT_EQ(ring.SettleLosses(cursor, Only(Topic::kHttpRequest)), 1U);
  EXPECT_EQ(ring.SettleLosses(cursor, kAll), 0U) << "counted once, for whatever topics";
}

/// A reader as a Subscription is one: what it has read, and what it was told it lost.
class Reader {
 public:
  Reader(const BusRing& ring, TopicSet topics)
      : ring_(ring), topics_(topics), cursor_(ring.End()) {}

  /// Reads one record, hands it to `check`, and returns whether there may be more.
  template <class Check>
  bool ReadOne(const Check& check) {
    switch (ring_.Read(cursor_, topics_, head_, out_, 0)) {
      case ReadResult::kNothing:
        lost_ += ring_.SettleLosses(cursor_, topics_);
        return false;
      case ReadResult::kRecord: {
        std::uint64_t& next = cursor_.next[static_cast<std::size_t>(head_.topic)];
        lost_ += head_.sequence - next;
        next = head_.sequence + 1;
        ++read_;
        check(head_, out_);
        return true;
      }
      case ReadResult::kSkipped:
      case ReadResult::kOverrun:
        return true;
    }
    return false;
  }

  std::uint64_t read() const { return read_; }
  std::uint64_t lost() const { return lost_; }

 private:
  const BusRing& ring_;
  const TopicSet topics_;
  BusRing::Cursor cursor_;
  BusRing::Head head_;
  std::string out_;
  std::uint64_t read_ = 0;
  std::uint64_t lost_ = 0;
};

constexpr std::size_t kLongestBody = std::size_t{1} << 17;

/// A body that says which record it belongs to in every byte. Made beforehand: the publisher is to
/// be faster than its readers.
std::string_view BodyOf(Topic topic, std::uint64_t sequence, std::size_t size) {
  static const std::vector<std::string> bodies = [] {
    std::vector<std::string> all;
    for (int fill = 0; fill < 64; ++fill) all.emplace_back(kLongestBody, static_cast<char>(fill));
    return all;
  }();
  const std::uint64_t mark = sequence * 7 + static_cast<std::uint64_t>(topic);
  return std::string_view(bodies[mark % bodies.size()]).substr(0, size);
}

void ExpectWhole(const BusRing::Head& head, const std::string& body) {
  ASSERT_EQ(head.id, head.sequence);
  ASSERT_EQ(head.root_sequence, body.size());
  ASSERT_TRUE(body == BodyOf(head.topic, head.sequence, body.size())) << head.sequence;
}

void PushMarked(BusRing& ring, Topic topic, std::size_t size) {
  const std::uint64_t sequence = ring.NextSequence(topic);
  ring.Push({.topic = topic, .sequence = sequence, .root_sequence = size, .id = sequence},
            BodyOf(topic, sequence, size));
}

constexpr Topic kSomeTopics[] = {Topic::kHttpRequest, Topic::kHttpResponse, Topic::kConnOpened};

TEST(BusRingTest, AccountsForEveryRecordHoweverReadersAndPublisherTakeTurns) {
  std::minstd_rand random(1);
  BusRing ring(kBytes);
  std::vector<std::pair<Reader, std::vector<Topic>>> readers;
  readers.emplace_back(Reader(ring, kAll),
                       std::vector(std::begin(kSomeTopics), std::end(kSomeTopics)));
  readers.emplace_back(Reader(ring, Only(kSomeTopics[0])), std::vector{kSomeTopics[0]});
  readers.emplace_back(Reader(ring, Only(kSomeTopics[1]) | Only(kSomeTopics[2])),
                       std::vector{kSomeTopics[1], kSomeTopics[2]});
  for (int round = 0; round < 20'000; ++round) {
    const Topic topic = kSomeTopics[random() % std::size(kSomeTopics)];
    if (random() % 50 == 0) {
      ring.Skip(topic);
    } else {
      PushMarked(ring, topic, random() % (ring.max_body_bytes() + 1));
    }
    // Some keep up, others fall behind for long.
    for (auto& [reader, topics] : readers) {
      for (auto reads = random() % 4; reads > 0 && random() % 3 != 0; --reads) {
        reader.ReadOne(ExpectWhole);
      }
    }
  }
  for (auto& [reader, topics] : readers) {
    while (reader.ReadOne(ExpectWhole)) {
    }
    std::uint64_t published = 0;
    for (const Topic topic : topics) published += ring.published(topic);
    EXPECT_EQ(reader.read() + reader.lost(), published);
    EXPECT_GT(reader.read(), 0U);
    EXPECT_GT(reader.lost(), 0U);
  }
}

// What one thread cannot try: records that are written over while they are copied. They are long,
// so that a reader at the oldest is overtaken in the midst of most of them.
TEST(BusRingTest, HandsOutWholeRecordsOnlyWhileItIsWrittenOver) {
  constexpr std::uint64_t kRecords = 3000;
  BusRing ring(4 * kLongestBody);
  Reader all(ring, kAll);
  Reader some(ring, Only(kSomeTopics[0]));
  {
    std::atomic<bool> over = false;
    const auto read = [&over](Reader& reader) {
      while (!over.load()) reader.ReadOne(ExpectWhole);
    };
    std::jthread first([&] { read(all); });
    std::jthread second([&] { read(some); });
    std::minstd_rand random(2);
    for (std::uint64_t i = 0; i < kRecords; ++i) {
      PushMarked(ring, kSomeTopics[i % std::size(kSomeTopics)],
                 kLongestBody / 2 + random() % (kLongestBody / 2));
      if (i % 100 == 0) ring.Skip(kSomeTopics[0]);
    }
    over = true;
  }
  const auto rest = [](Reader& reader) {
    while (reader.ReadOne(ExpectWhole)) {
    }
    return reader.read() + reader.lost();
  };
  EXPECT_EQ(rest(some), ring.published(kSomeTopics[0]));
  EXPECT_EQ(rest(all), kRecords + kRecords / 100);
}

TEST(BusRingTest, LetsReadersBeginWhileItIsWritten) {
  BusRing ring(kBytes);
  std::atomic<bool> over = false;
  std::jthread publisher([&] {
    std::minstd_rand random(3);
    for (int i = 0; i < 50'000; ++i) PushMarked(ring, kSomeTopics[0], random() % 200);
    over = true;
  });
  std::uint64_t begun = 0;
  BusRing::Head head;
  std::string out;
  while (!over.load()) {
    BusRing::Cursor back = ring.Back(++begun % 30);
    if (ring.Read(back, kAll, head, out, 0) == ReadResult::kRecord) ExpectWhole(head, out);
    BusRing::Cursor end = ring.End();
    if (ring.Read(end, kAll, head, out, 0) != ReadResult::kRecord) continue;
    ExpectWhole(head, out);
    ASSERT_EQ(head.sequence, end.next[static_cast<std::size_t>(head.topic)])
        << "the first record behind the end is the one that its counters expect";
  }
}

}  // namespace
}  // namespace tlscope
