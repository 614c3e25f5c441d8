// SPDX-License-Identifier: Apache-2.0
#include "processor/connections/direction_stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

namespace tlscope {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct Log final : StreamHandler {
  void OnMessage(Message&& message) override {
    texts.push_back(message.body);
    ktimes.push_back(message.first_ktime_ns);
  }
  std::vector<std::string> texts;
  std::vector<std::uint64_t> ktimes;
};

/// Emits what it holds at Flush, Gap and Finish.
class FakeRaw : public StreamParser {
 public:
  FakeRaw(std::string tag, MessageHandler& handler) : tag_(std::move(tag)), handler_(handler) {}
  ParseStatus Feed(std::string_view bytes, std::uint64_t ktime_ns) override {
    if (held_.empty()) ktime_ns_ = ktime_ns;
    held_ += bytes;
    return ParseStatus::kNeedMore;
  }
  ParseStatus Gap(std::uint64_t bytes, std::uint64_t /*ktime_ns*/) override {
    held_.append("<").append(std::to_string(bytes)).append(">");
    return ParseStatus::kNeedMore;
  }
  void Flush() override {
    if (held_.empty()) return;
    Message message;
    message.body = tag_ + held_;
    message.first_ktime_ns = ktime_ns_;
    held_.clear();
    handler_.OnMessage(std::move(message));
  }
  void Finish(StreamEnd /*end*/) override { Flush(); }
  std::string TakeRest() override { return std::exchange(held_, {}); }
  void Reset() override { held_.clear(); }
  ParserType type() const override { return ParserType::kUnknown; }
  std::size_t held_bytes() const override { return held_.size(); }

 protected:
  std::string held_;

 private:
  std::string tag_;
  MessageHandler& handler_;
  std::uint64_t ktime_ns_ = 0;
};

/// Answers every Feed and Gap with the same status, and never parts with its bytes but by TakeRest.
template <ParseStatus kAnswer>
class FakeQuitter final : public FakeRaw {
 public:
  explicit FakeQuitter(MessageHandler& handler) : FakeRaw("q:", handler) {}
  ParseStatus Feed(std::string_view bytes, std::uint64_t ktime_ns) override {
    FakeRaw::Feed(bytes, ktime_ns);
    return kAnswer;
  }
  ParseStatus Gap(std::uint64_t /*bytes*/, std::uint64_t /*ktime_ns*/) override { return kAnswer; }
};

/// Upgrades after the newline that ends its one line.
class FakeLine final : public FakeRaw {
 public:
  explicit FakeLine(MessageHandler& handler) : FakeRaw("line:", handler) {}
  ParseStatus Feed(std::string_view bytes, std::uint64_t ktime_ns) override {
    FakeRaw::Feed(bytes, ktime_ns);
    const std::size_t end = held_.find('\n');
    if (end == std::string::npos) return ParseStatus::kNeedMore;
    rest_ = held_.substr(end + 1);
    held_.resize(end);
    Flush();
    return ParseStatus::kUpgrade;
  }
  std::string TakeRest() override { return std::exchange(rest_, {}); }

 private:
  std::string rest_;
};

template <class Parser>
std::unique_ptr<StreamParser> Make(ParserContext& /*context*/, MessageHandler& handler) {
  return std::make_unique<Parser>(handler);
}
std::unique_ptr<StreamParser> MakeRaw(ParserContext& /*context*/, MessageHandler& handler) {
  return std::make_unique<FakeRaw>("raw:", handler);
}

Detection Unused(std::string_view /*bytes*/) { return Detection::kNoMatch; }

const ProtocolSpec kRaw{"raw", ParserType::kUnknown, {}, &Unused, &MakeRaw};
const ProtocolSpec kUpgrader{
    "upgrader", ParserType::kUnknown, {}, &Unused, &Make<FakeQuitter<ParseStatus::kUpgrade>>};
const ProtocolSpec kInvalid{
    "invalid", ParserType::kUnknown, {}, &Unused, &Make<FakeQuitter<ParseStatus::kInvalid>>};
const ProtocolSpec kLine{"line", ParserType::kUnknown, {}, &Unused, &Make<FakeLine>};

/// "LINE..." is a line, and what begins where "line" was agreed to; "UP..." an upgrader, "BAD..."
/// invalid; "MORE..." never decides.
DetectResult FakeDetect(std::string_view bytes, const DetectHint& hint) {
  if (hint.alpn == "line" && hint.at_start) return {&kLine, false};
  struct Row {
    std::string_view prefix;
    const ProtocolSpec* spec;
    bool never;
  };
  for (const Row& row : {Row{"LINE", &kLine, false}, Row{"UP", &kUpgrader, false},
                         Row{"BAD", &kInvalid, false}, Row{"MORE", &kRaw, true}}) {
    if (bytes.starts_with(row.prefix)) return {row.spec, row.never};
    if (row.prefix.starts_with(bytes)) return {row.spec, true};
  }
  return {&kRaw, false};
}

class DirectionStreamTest : public ::testing::Test {
 protected:
  void Call(std::string_view bytes, std::uint64_t ktime_ns = 1) {
    stream.Feed(bytes, ktime_ns, true);
  }

  Log log;
  ByteBudget budget{1U << 20};
  ParserContext context{{}, budget, {}};
  ProtocolTable table{&FakeDetect, kRaw};
  DirectionStream stream{table, context, log};
};

TEST_F(DirectionStreamTest, TakesTheFirstPieceWhereverItIs) {
  const auto fit = stream.Advance(1000, 10);
  EXPECT_EQ(fit.missing_bytes, 0U);
  EXPECT_EQ(fit.overlap_bytes, 0U);
  EXPECT_EQ(stream.Advance(1010, 5).missing_bytes, 0U);
}

TEST_F(DirectionStreamTest, MeasuresWhatIsMissingAndWhatWasSeen) {
  stream.Advance(0, 10);
  EXPECT_EQ(stream.Advance(25, 5).missing_bytes, 15U);
  EXPECT_EQ(stream.Advance(28, 4).overlap_bytes, 2U);
  EXPECT_EQ(stream.Advance(0, 7).overlap_bytes, 7U) << "all of an old piece";
  const auto next = stream.Advance(32, 1);
  EXPECT_EQ(next.missing_bytes + next.overlap_bytes, 0U)
      << "an old piece does not move the end back";
}

TEST_F(DirectionStreamTest, SurvivesOffsetsAtTheEndOfTheRange) {
  constexpr std::uint64_t kMax = std::numeric_limits<std::uint64_t>::max();
  stream.Advance(0, 1);
  EXPECT_EQ(stream.Advance(kMax, 0).missing_bytes, kMax - 1);
  EXPECT_EQ(stream.Advance(0, 10).overlap_bytes, 10U);
}

TEST_F(DirectionStreamTest, HoldsUndecidedBytesAndFeedsThemWithTheirTime) {
  Call("LI", 7);
  EXPECT_EQ(budget.used_bytes(), 2U);
  stream.Pause();
  EXPECT_THAT(log.texts, IsEmpty()) << "a start line may come slowly";
  Call("NE one\n", 9);
  EXPECT_THAT(log.texts, ElementsAre("line:LINE one"));
  EXPECT_THAT(log.ktimes, ElementsAre(7));
  EXPECT_EQ(budget.used_bytes(), 0U);
}

TEST_F(DirectionStreamTest, GivesUndecidedBytesToRawWhenTheyTurnOutToBeNothing) {
  Call("LI");
  Call("ME");
  stream.Finish(StreamEnd::kClosed);
  EXPECT_THAT(log.texts, ElementsAre("raw:LIME"));
}

TEST_F(DirectionStreamTest, GivesUndecidedBytesToRawAtTheEndAndAtAGap) {
  Call("LI");
  stream.Gap(3, 1);
  Call("x");
  stream.Finish(StreamEnd::kClosed);
  EXPECT_THAT(log.texts, ElementsAre("raw:LI<3>x"));
  EXPECT_EQ(budget.used_bytes(), 0U);
}

TEST_F(DirectionStreamTest, GivesUpOnADetectionThatNeverDecides) {
  const std::string piece(DirectionStream::kMaxUndecided / 2, '.');
  Call("MORE" + piece);
  EXPECT_THAT(log.texts, IsEmpty());
  Call(piece);
  stream.Flush();
  EXPECT_THAT(log.texts, ElementsAre("raw:MORE" + piece + piece));
}

TEST_F(DirectionStreamTest, GivesUpOnADetectionTheBudgetDoesNotAllow) {
  ASSERT_TRUE(budget.Take((1U << 20) - 3));
  Call("MORE");
  stream.Flush();
  EXPECT_THAT(log.texts, ElementsAre("raw:MORE"));
}

TEST_F(DirectionStreamTest, LetsARawStreamTurnIntoAKnownProtocolWhereACallStarts) {
  Call("??");
  stream.Feed("LINE no\n", 1, false);
  Call("LINE yes\n");
  EXPECT_THAT(log.texts, ElementsAre("raw:??LINE no\n", "line:LINE yes"));
}

TEST_F(DirectionStreamTest, GivesARawStreamsUndecidedTailOutWhenTheSpeakerPauses) {
  Call("??");
  Call("LI");
  EXPECT_TRUE(stream.pausable());
  stream.Pause();
  EXPECT_FALSE(stream.pausable());
  EXPECT_THAT(log.texts, ElementsAre("raw:??LI"));
}

TEST_F(DirectionStreamTest, KnowsWhatWasAgreedToUntilTheConnectionChangesProtocol) {
  context.alpn = "line";
  stream.Advance(0, 4);
  Call("one\n");
  stream.Advance(4, 3);
  Call("two");
  stream.Finish(StreamEnd::kClosed);
  EXPECT_THAT(log.texts, ElementsAre("line:one", "raw:two"));
}

TEST_F(DirectionStreamTest, KnowsWhetherItIsAtTheStart) {
  context.alpn = "line";
  stream.Advance(7, 3);
  Call("one");
  stream.Finish(StreamEnd::kClosed);
  EXPECT_THAT(log.texts, ElementsAre("raw:one"));
}

TEST_F(DirectionStreamTest, HandsTheRestOverAtAnUpgrade) {
  Call("LINE one\nLINE two\nrest");
  stream.Finish(StreamEnd::kClosed);
  EXPECT_THAT(log.texts, ElementsAre("line:LINE one", "line:LINE two", "raw:rest"));
}

TEST_F(DirectionStreamTest, DecidesAnewAfterAnUpgradeWithNothingLeft) {
  Call("LINE one\n");
  stream.Feed("LINE two\n", 1, false);
  EXPECT_THAT(log.texts, ElementsAre("line:LINE one", "line:LINE two"));
}

TEST_F(DirectionStreamTest, HoldsARestThatIsUndecidedAfterAnUpgrade) {
  Call("LINE one\nLI");
  stream.Feed("NE two\n", 1, false);
  EXPECT_THAT(log.texts, ElementsAre("line:LINE one", "line:LINE two"));
}

TEST_F(DirectionStreamTest, GivesWhatIsInvalidToRaw) {
  Call("BAD bytes");
  stream.Finish(StreamEnd::kClosed);
  EXPECT_THAT(log.texts, ElementsAre("raw:BAD bytes"));
}

TEST_F(DirectionStreamTest, EndsAsRawWhenParsersUpgradeForEver) {
  Call("UP and up");
  Call("UP again");
  stream.Finish(StreamEnd::kClosed);
  EXPECT_THAT(log.texts, ElementsAre("raw:UP and up", "raw:UP again"));
}

TEST_F(DirectionStreamTest, EndsAsRawAfterManyRealUpgradesInOnePiece) {
  std::string lines;
  for (int i = 0; i < 1000; ++i) lines += "LINE\n";
  Call(lines);
  stream.Finish(StreamEnd::kClosed);
  EXPECT_LT(log.texts.size(), 10U);
  std::string all;
  for (const std::string& text : log.texts) all += text.substr(text.find(':') + 1);
  std::erase(all, '\n');
  std::erase(lines, '\n');
  EXPECT_EQ(all, lines) << "no byte may be lost on the way";
}

TEST_F(DirectionStreamTest, NeverLoopsWhenEvenTheRawParserQuits) {
  const ProtocolTable hopeless{&FakeDetect, kInvalid};
  DirectionStream lost(hopeless, context, log);
  for (int i = 0; i < 3; ++i) {
    lost.Feed("anything", 1, true);
    lost.Gap(5, 1);
  }
  lost.Finish(StreamEnd::kClosed);
}

TEST_F(DirectionStreamTest, GivesTheGapToTheNextParserWhenOneEndedBeforeIt) {
  // The line parser upgraded with its last byte; what is lost belongs to whatever follows.
  Call("LINE one\n");
  stream.Gap(4, 1);
  stream.Feed("tail", 1, false);
  stream.Finish(StreamEnd::kClosed);
  EXPECT_THAT(log.texts, ElementsAre("line:LINE one", "raw:<4>tail"));
}

TEST_F(DirectionStreamTest, GivesTheGapToRawWhenTheParserEndsOverIt) {
  struct EndsAtGap final : FakeRaw {
    explicit EndsAtGap(MessageHandler& handler) : FakeRaw("g:", handler) {}
    ParseStatus Gap(std::uint64_t /*bytes*/, std::uint64_t /*ktime_ns*/) override {
      return ParseStatus::kUpgrade;
    }
  };
  static const ProtocolSpec spec{"g", ParserType::kUnknown, {}, &Unused, &Make<EndsAtGap>};
  const ProtocolTable gap_table{[](std::string_view bytes, const DetectHint&) -> DetectResult {
                                  return {bytes.starts_with("G") ? &spec : &kRaw, false};
                                },
                                kRaw};
  DirectionStream gap_stream(gap_table, context, log);
  gap_stream.Feed("Go", 1, true);
  gap_stream.Gap(6, 1);
  gap_stream.Finish(StreamEnd::kClosed);
  EXPECT_THAT(log.texts, ElementsAre("raw:Go<6>"));
}

}  // namespace
}  // namespace tlscope
