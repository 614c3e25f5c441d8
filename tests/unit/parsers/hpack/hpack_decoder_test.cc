// SPDX-License-Identifier: Apache-2.0
#include "parsers/hpack/hpack_decoder.h"

#include <random>

#include "tests/unit/parsers/http2/http2_testing.h"

namespace tlscope::http2 {
namespace {

using namespace testing_support;  // NOLINT(google-build-using-namespace): the tests' vocabulary

std::string FromHex(std::string_view hex) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  }
  return bytes;
}

class HpackDecoderTest : public testing::Test {
 protected:
  std::string Decode(HpackDecoder& decoder, std::string_view block, std::size_t cut = 0) {
    list_.Begin(256U << 10);
    const bool read = (cut == 0 || decoder.Feed(block.substr(0, cut), false, list_)) &&
                      decoder.Feed(block.substr(cut), true, list_);
    if (!read) list_.Break();
    list_.End();
    return std::string(list_.text());
  }

  /// The blocks of one connection give these lists, however each is cut.
  void ExpectLists(const std::vector<std::pair<std::string, Fields>>& blocks) {
    for (std::size_t cut = 0; cut < 60; ++cut) {
      HpackDecoder decoder(budget_);
      for (const auto& [hex, fields] : blocks) {
        const std::string block = FromHex(hex);
        ASSERT_EQ(Decode(decoder, block, std::min(cut, block.size())), Lines(fields)) << cut;
      }
    }
    EXPECT_EQ(budget_.used_bytes(), 0U);
  }

  ByteBudget budget_{64U << 20};
  HeaderList list_;
};

const Fields kFirstRequest = {
    {":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {":authority", "www.example.com"}};
const Fields kSecondRequest = {{":method", "GET"},
                               {":scheme", "http"},
                               {":path", "/"},
                               {":authority", "www.example.com"},
                               {"cache-control", "no-cache"}};
const Fields kThirdRequest = {{":method", "GET"},
                              {":scheme", "https"},
                              {":path", "/index.html"},
                              {":authority", "www.example.com"},
                              {"custom-key", "custom-value"}};

TEST_F(HpackDecoderTest, ReadsRfc7541AppendixC2) {
  ExpectLists({{"400a637573746f6d2d6b65790d637573746f6d2d686561646572",
                {{"custom-key", "custom-header"}}}});
  ExpectLists({{"040c2f73616d706c652f70617468", {{":path", "/sample/path"}}}});
  ExpectLists({{"100870617373776f726406736563726574", {{"password", "secret"}}}});
  ExpectLists({{"82", {{":method", "GET"}}}});
}

TEST_F(HpackDecoderTest, ReadsRfc7541AppendixC3) {
  ExpectLists({{"828684410f7777772e6578616d706c652e636f6d", kFirstRequest},
               {"828684be58086e6f2d6361636865", kSecondRequest},
               {"828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565", kThirdRequest}});
}

TEST_F(HpackDecoderTest, ReadsRfc7541AppendixC4) {
  ExpectLists({{"828684418cf1e3c2e5f23a6ba0ab90f4ff", kFirstRequest},
               {"828684be5886a8eb10649cbf", kSecondRequest},
               {"828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf", kThirdRequest}});
}

const std::string kDate1 = "Mon, 21 Oct 2013 20:13:21 GMT";
const std::string kDate2 = "Mon, 21 Oct 2013 20:13:22 GMT";
const std::string kSetCookie = "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1";
const Fields kFirstResponse = {{":status", "302"},
                               {"cache-control", "private"},
                               {"date", kDate1},
                               {"location", "https://www.example.com"}};
const Fields kSecondResponse = {{":status", "307"},
                                {"cache-control", "private"},
                                {"date", kDate1},
                                {"location", "https://www.example.com"}};
const Fields kThirdResponse = {{":status", "200"},
                               {"cache-control", "private"},
                               {"date", kDate2},
                               {"location", "https://www.example.com"},
                               {"content-encoding", "gzip"},
                               {"set-cookie", kSetCookie}};

// Appendix C.5 and C.6 set the table to 256 bytes, of which only the eviction depends. A size
// update (0x3f 0xe1 0x01) says so in band.
TEST_F(HpackDecoderTest, ReadsRfc7541AppendixC5) {
  ExpectLists(
      {{"3fe101"
        "4803333032580770726976617465611d4d6f6e2c203231204f637420323031332032303a31333a323120474d54"
        "6e1768747470733a2f2f7777772e6578616d706c652e636f6d",
        kFirstResponse},
       {"4803333037c1c0bf", kSecondResponse},
       {"88c1611d4d6f6e2c203231204f637420323031332032303a31333a323220474d54c05a04677a69707738666f6f"
        "3d4153444a4b48514b425a584f5157454f50495541585157454f49553b206d61782d6167653d333630303b2076"
        "657273696f6e3d31",
        kThirdResponse}});
}

TEST_F(HpackDecoderTest, ReadsRfc7541AppendixC6) {
  ExpectLists(
      {{"3fe101"
        "488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff"
        "6e919d29ad171863c78f0b97c8e9ae82ae43d3",
        kFirstResponse},
       {"4883640effc1c0bf", kSecondResponse},
       {"88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335df"
        "dfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007",
        kThirdResponse}});
}

TEST_F(HpackDecoderTest, NamesFieldsThatAreNeverToBeIndexed) {
  HpackDecoder decoder(budget_);
  Encoder encoder;
  Decode(decoder, encoder.Block({{"authorization", "secret"}, {"x-key", "k"}}, true));
  EXPECT_EQ(list_.never_indexed(), "authorization, x-key");
}

TEST_F(HpackDecoderTest, ShowsEntriesFromBeforeTheLossAsUnknownAndNewOnesExactly) {
  Encoder encoder;
  encoder.Block({{"x-old", "1"}});
  HpackDecoder decoder(budget_);
  decoder.Lose();
  EXPECT_EQ(Decode(decoder, encoder.Block({{":status", "200"}, {"x-old", "1"}, {"x-new", "2"}})),
            ":status: 200\r\n<unknown:62>\r\nx-new: 2\r\n");
  EXPECT_EQ(Decode(decoder, encoder.Block({{"x-new", "2"}, {"x-old", "1"}})),
            "x-new: 2\r\n<unknown:63>\r\n");
}

TEST_F(HpackDecoderTest, KeepsTheValueOfAnUnknownName) {
  Encoder encoder;
  encoder.Block({{"x-old", "1"}});
  HpackDecoder decoder(budget_);
  decoder.Lose();
  EXPECT_EQ(Decode(decoder, encoder.Block({{"x-old", "2"}})), "<unknown:62>: 2\r\n");
  EXPECT_EQ(Decode(decoder, encoder.Block({{"x-old", "2"}})), "<unknown:62>: 2\r\n");
}

TEST_F(HpackDecoderTest, FollowsEverySizeOfTableThatTheEncoderAnnounces) {
  for (const std::size_t bytes : {0U, 64U, 4096U, 16384U, 65536U}) {
    Encoder encoder(bytes);
    HpackDecoder decoder(budget_);
    for (int i = 0; i < 3000; ++i) {
      if (i == 1000) encoder.ResizeTable(bytes / 2);
      if (i == 2000) encoder.ResizeTable(bytes);
      const Fields fields = {{"x-" + std::to_string(i % 300), std::to_string(i % 7)}};
      ASSERT_EQ(Decode(decoder, encoder.Block(fields)), Lines(fields)) << bytes << " " << i;
      ASSERT_FALSE(decoder.partial());
    }
  }
}

// Whatever the receiver allowed: of a table larger than is kept the newest entries are exact.
TEST_F(HpackDecoderTest, FollowsATableLargerThanItKeeps) {
  constexpr std::size_t kLarge = std::size_t{4} * HpackDecoder::kMaxTableBytes;
  for (const bool bytewise : {false, true}) {
    Encoder encoder(kLarge);
    encoder.ResizeTable(kLarge);
    HpackDecoder decoder(budget_);
    const auto fields = [](int i) {
      return Fields{{"x-" + std::to_string(i), std::string(1000, 'v')}};
    };
    for (int i = 0; i < 200; ++i) {
      const std::string block = encoder.Block(fields(i));
      list_.Begin(256U << 10);
      const std::size_t grain = bytewise ? 1 : block.size();
      for (std::size_t at = 0; at < block.size(); at += grain) {
        const bool last = at + grain >= block.size();
        ASSERT_TRUE(decoder.Feed(std::string_view(block).substr(at, grain), last, list_)) << i;
      }
      list_.End();
      ASSERT_EQ(list_.text(), Lines(fields(i)));
    }
    EXPECT_TRUE(decoder.partial());
    EXPECT_EQ(Decode(decoder, encoder.Block(fields(190))), Lines(fields(190)));
    EXPECT_EQ(Decode(decoder, encoder.Block(fields(20))), "<unknown:241>\r\n");
    EXPECT_LE(decoder.held_bytes(), 256U << 10);
  }
}

TEST_F(HpackDecoderTest, ASizeUpdateIsFollowedInEverySplit) {
  // To 0, back to 4096, then an entry is made, named, and named again.
  const std::string block = FromHex("203fe11f4001780179be");
  for (std::size_t cut = 0; cut <= block.size(); ++cut) {
    HpackDecoder decoder(budget_);
    ASSERT_EQ(Decode(decoder, block, cut), "x: y\r\nx: y\r\n") << cut;
    ASSERT_EQ(Decode(decoder, FromHex("be82be")), "x: y\r\n:method: GET\r\nx: y\r\n") << cut;
    ASSERT_FALSE(decoder.partial());
    // What was in the table is gone with it.
    ASSERT_EQ(Decode(decoder, FromHex("203fe11fbe")),
              "<the rest of the header block cannot be decoded>\r\n");
  }
}

/// Lines known of a list are those of the true list; the others are unknown.
void ExpectTrueLines(std::string_view shown, const Fields& fields) {
  for (const auto& [name, value] : fields) {
    const std::string_view line = shown.substr(0, shown.find('\n') + 1);
    shown.remove_prefix(line.size());
    if (line.starts_with("<unknown:")) {
      const std::size_t end = line.find(">: ");
      const std::string_view shown_value =
          end == std::string_view::npos ? std::string_view() : line.substr(end + 3);
      ASSERT_TRUE(shown_value.empty() || shown_value == value + "\r\n") << line;
    } else {
      ASSERT_EQ(line, name + ": " + value + "\r\n");
    }
  }
  ASSERT_TRUE(shown.empty());
}

TEST_F(HpackDecoderTest, NeverGuessesAfterAnyLossAndHeals) {
  for (unsigned seed = 0; seed < 60; ++seed) {
    std::minstd_rand engine(seed + 1);
    const auto random = [&engine] { return static_cast<unsigned>(engine()); };
    const std::size_t table = std::size_t{128} << (random() % 9);
    Encoder encoder(table);
    HpackDecoder decoder(budget_);
    std::string last;
    Fields last_fields;
    for (int i = 0; i < 600; ++i) {
      Fields fields;
      for (unsigned n = random() % 8; n != 0; --n) {
        const unsigned name = random() % 40;
        // Late names come up again and again, so that the old ones leave the table.
        fields.push_back({"x-" + std::to_string(name + (i > 300 ? 100 : 0)),
                          std::string(random() % 40, static_cast<char>('a' + random() % 3))});
      }
      const std::string block = encoder.Block(fields);
      if (i < 300 && random() % 20 == 0) {
        decoder.Lose();
        continue;
      }
      ExpectTrueLines(Decode(decoder, block, random() % (block.size() + 1)), fields);
      if (HasFatalFailure()) return;
      last = std::string(list_.text());
      last_fields = fields;
    }
    EXPECT_EQ(last, Lines(last_fields)) << "healed";
  }
}

TEST_F(HpackDecoderTest, HoldsWhatIsInTheBudgetAndNoMoreThanTheTable) {
  HpackDecoder decoder(budget_);
  decoder.Lose();
  Encoder encoder(1U << 20);
  for (int i = 0; i < 3000; ++i) {
    Decode(decoder, encoder.Block({{"x-" + std::to_string(i), std::string(200, 'v')}}));
    ASSERT_EQ(decoder.held_bytes(), budget_.used_bytes());
    ASSERT_LE(decoder.held_bytes(), 256U << 10);
  }
}

TEST_F(HpackDecoderTest, GivesABlockUpWhenTheBudgetRefusesAndGoesOn) {
  Encoder encoder;
  ByteBudget tight(6000);
  HpackDecoder decoder(tight);
  list_.Begin(1000);
  EXPECT_FALSE(decoder.Feed(encoder.Block({{"x-long", std::string(9000, 'v')}}), true, list_));
  EXPECT_TRUE(decoder.partial());
  EXPECT_EQ(Decode(decoder, FromHex("82")), ":method: GET\r\n");
}

}  // namespace
}  // namespace tlscope::http2
