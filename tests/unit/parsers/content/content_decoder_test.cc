// SPDX-License-Identifier: Apache-2.0
#include "parsers/content/content_decoder.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <fstream>
#include <iterator>
#include <limits>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

namespace tlscope::content {
namespace {

std::string ReadFixture(const std::string& name) {
  std::ifstream file(TLSCOPE_TESTDATA "/content/" + name, std::ios::binary);
  EXPECT_TRUE(file) << name;
  return {std::istreambuf_iterator<char>(file), {}};
}

class Collector final : public ContentSink {
 public:
  void OnContent(std::string_view bytes) override { content += bytes; }
  void Retract(std::uint64_t bytes) override { content.resize(content.size() - bytes); }
  std::string content;
};

/// Counts without keeping, for what is too large to keep.
class Counter final : public ContentSink {
 public:
  void OnContent(std::string_view content) override {
    bytes += content.size();
    EXPECT_LE(content.size(), 16U << 10);
  }
  void Retract(std::uint64_t count) override { bytes -= count; }
  std::uint64_t bytes = 0;
};

struct Decoded {
  std::string content;
  std::string error;
  bool decoded = true;
  bool operator==(const Decoded&) const = default;
};

void PrintTo(const Decoded& decoded, std::ostream* out) {
  *out << decoded.content.size() << " bytes, error '" << decoded.error << "'"
       << (decoded.decoded ? "" : ", as sent");
}

CodingList Codings(std::string_view value) {
  CodingList codings;
  codings.Add(value);
  return codings;
}

constexpr std::uint64_t kAmple = 64U << 20;

Decoded Decode(std::string_view codings, std::string_view encoded,
               const std::vector<std::size_t>& cuts = {}, const DecoderOptions& options = {}) {
  ByteBudget budget(kAmple);
  Decoded decoded;
  {
    ContentDecoder decoder(Codings(codings), options, budget);
    Collector sink;
    std::size_t done = 0;
    for (const std::size_t cut : cuts) {
      decoder.Feed(encoded.substr(done, cut - done), sink);
      done = cut;
    }
    decoder.Feed(encoded.substr(done), sink);
    decoder.Finish(sink);
    EXPECT_EQ(decoder.held_bytes(), budget.used_bytes());
    decoded = {std::move(sink.content), decoder.error(), decoder.decoding()};
  }
  EXPECT_EQ(budget.used_bytes(), 0U);
  return decoded;
}

/// Expects `expected` whole, in two pieces cut anywhere, and byte by byte.
void ExpectForEverySplit(std::string_view codings, std::string_view encoded,
                         const Decoded& expected, const DecoderOptions& options = {}) {
  EXPECT_EQ(Decode(codings, encoded, {}, options), expected) << "whole";
  std::vector<std::size_t> every;
  for (std::size_t cut = 0; cut <= encoded.size(); ++cut) {
    every.push_back(cut);
    ASSERT_EQ(Decode(codings, encoded, {cut}, options), expected) << "cut at " << cut;
  }
  EXPECT_EQ(Decode(codings, encoded, every, options), expected) << "byte by byte";
}

TEST(CodingListTest, ReadsCodingsInTheOrderOfTheField) {
  CodingList list = Codings("gzip, BR ,identity,, X-GZip");
  list.Add("zstd");
  EXPECT_TRUE(list.removable());
  EXPECT_EQ(list.Text(), "gzip, br, gzip, zstd");
  EXPECT_TRUE(list.Has(Coding::kBrotli));
  EXPECT_FALSE(list.Has(Coding::kDeflate));
}

TEST(CodingListTest, IsNotRemovableWithACodingItDoesNotKnow) {
  EXPECT_FALSE(Codings("gzip, compress").removable());
  EXPECT_FALSE(Codings("aws-chunked").removable());
  EXPECT_FALSE(Codings("gzip, gzip, gzip, gzip, gzip").removable());
}

TEST(CodingListTest, IsEmptyWithoutCodings) {
  EXPECT_TRUE(Codings("").empty());
  EXPECT_TRUE(Codings("identity, ,").empty());
  EXPECT_FALSE(Codings("identity").removable());
  EXPECT_FALSE(Codings("unknown").empty());
}

struct Fixture {
  const char* name;
  const char* codings;
};

class ContentDecoderFixtureTest : public testing::TestWithParam<Fixture> {};

TEST_P(ContentDecoderFixtureTest, DecodesTheSameForEverySplitPoint) {
  const Fixture& fixture = GetParam();
  ExpectForEverySplit(fixture.codings, ReadFixture(fixture.name),
                      {ReadFixture("text.plain"), "", true});
}

TEST_P(ContentDecoderFixtureTest, DecodesTheSameWhenNothingMayBeRetracted) {
  const Fixture& fixture = GetParam();
  ExpectForEverySplit(fixture.codings, ReadFixture(fixture.name),
                      {ReadFixture("text.plain"), "", true}, {.never_retract = true});
}

TEST_P(ContentDecoderFixtureTest, KeepsAPrefixAndSaysSoWhereverTheBodyEndsEarly) {
  const Fixture& fixture = GetParam();
  const std::string encoded = ReadFixture(fixture.name);
  const std::string plain = ReadFixture("text.plain");
  for (std::size_t size = 4; size < encoded.size(); ++size) {
    const Decoded decoded = Decode(fixture.codings, std::string_view(encoded).substr(0, size));
    ASSERT_TRUE(plain.starts_with(decoded.content)) << size;
    // Between members, frames, and amid padding, an end is an end like any other.
    if (!decoded.content.empty() && decoded.content.size() < plain.size() / 3) {
      EXPECT_FALSE(decoded.error.empty()) << size;
    }
  }
}

TEST_P(ContentDecoderFixtureTest, NeverGivesWrongBytesWhateverIsLost) {
  const Fixture& fixture = GetParam();
  const std::string encoded = ReadFixture(fixture.name);
  const std::string plain = ReadFixture("text.plain");
  for (std::size_t at = 4; at < encoded.size(); ++at) {
    ByteBudget budget(kAmple);
    ContentDecoder decoder(Codings(fixture.codings), {.never_retract = true}, budget);
    Collector sink;
    decoder.Feed(std::string_view(encoded).substr(0, at), sink);
    decoder.Lose(sink);
    decoder.Feed(std::string_view(encoded).substr(at + 1), sink);
    decoder.Finish(sink);
    ASSERT_TRUE(plain.starts_with(sink.content)) << at;
    ASSERT_FALSE(decoder.error().empty()) << at;
    ASSERT_EQ(budget.used_bytes(), 0U) << at;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Bodies, ContentDecoderFixtureTest,
    testing::Values(Fixture{"text.gzip", "gzip"}, Fixture{"text.gzip", "x-gzip"},
                    Fixture{"two_members.gzip", "gzip"}, Fixture{"all_header_fields.gzip", "gzip"},
                    Fixture{"zero_padding.gzip", "gzip"}, Fixture{"flushed_per_line.gzip", "gzip"},
                    Fixture{"text.deflate", "deflate"}, Fixture{"bare.deflate", "deflate"},
                    Fixture{"text.br", "br"}, Fixture{"large_window.br", "br"},
                    Fixture{"text.zstd", "zstd"}, Fixture{"checksum.zstd", "zstd"},
                    Fixture{"frames.zstd", "zstd"}, Fixture{"text.gzip_br", "gzip, br"},
                    Fixture{"text.br_gzip", "br, gzip"},
                    Fixture{"text.zstd_gzip_br_deflate", "zstd, gzip, br, deflate"}));

TEST(ContentDecoderTest, TakesAnEmptyBodyInAnyCoding) {
  for (const char* coding : {"gzip", "deflate", "br", "zstd"}) {
    EXPECT_EQ(Decode(coding, "").content, "") << coding;
    EXPECT_EQ(Decode(coding, "").error, "") << coding;
  }
}

TEST(ContentDecoderTest, GivesEachFlushedLineAtOnce) {
  const std::string encoded = ReadFixture("flushed_per_line.gzip");
  const std::string plain = ReadFixture("text.plain");
  ByteBudget budget(kAmple);
  ContentDecoder decoder(Codings("gzip"), {}, budget);
  Collector sink;
  // A sync flush ends in an empty stored block (RFC 1951 3.2.4).
  constexpr std::string_view kFlushEnd("\0\0\xff\xff", 4);
  std::size_t done = 0;
  std::size_t line = 0;
  for (std::size_t end; (end = encoded.find(kFlushEnd, done)) != std::string::npos;) {
    decoder.Feed(std::string_view(encoded).substr(done, end + 4 - done), sink);
    done = end + 4;
    line = plain.find('\n', line) + 1;
    ASSERT_EQ(sink.content, plain.substr(0, line));
  }
  EXPECT_EQ(line, plain.size());
}

TEST(ContentDecoderTest, KeepsWhatCameBeforeAWrongChecksum) {
  ExpectForEverySplit("gzip", ReadFixture("wrong_checksum.gzip"),
                      {ReadFixture("text.plain"), "gzip: broken", true});
  ExpectForEverySplit("zstd", ReadFixture("wrong_checksum.zstd"),
                      {ReadFixture("text.plain"), "zstd: broken", true});
}

TEST(ContentDecoderTest, KeepsAllButTheLastByteOfARawBlockWhereItsFrameIsBroken) {
  ExpectForEverySplit("zstd", ReadFixture("wrong_size.zstd"),
                      {ReadFixture("text.plain").substr(0, 31), "zstd: broken", true});
}

TEST(ContentDecoderTest, KeepsOfABlockWhatItsFrameHasRoomFor) {
  ExpectForEverySplit("zstd", ReadFixture("beyond_size.zstd"),
                      {ReadFixture("text.plain").substr(0, 32), "zstd: broken", true});
}

TEST(ContentDecoderTest, KeepsWhatCameBeforeBrokenData) {
  const std::string plain = ReadFixture("text.plain");
  for (const char* name : {"broken.gzip", "broken.br"}) {
    const std::string coding = std::string(name).substr(7) == "br" ? "br" : "gzip";
    const Decoded whole = Decode(coding, ReadFixture(name));
    EXPECT_EQ(whole.error, coding + ": broken");
    EXPECT_GT(whole.content.size(), 100U);
    ExpectForEverySplit(coding, ReadFixture(name), whole);
  }
}

TEST(ContentDecoderTest, SaysWhenBytesFollowTheEnd) {
  const std::string plain = ReadFixture("text.plain");
  ExpectForEverySplit("gzip", ReadFixture("trailing_bytes.gzip"),
                      {plain, "gzip: bytes after its end", true});
  ExpectForEverySplit("br", ReadFixture("text.br") + "more",
                      {plain, "br: bytes after its end", true});
  ExpectForEverySplit("deflate", ReadFixture("text.deflate") + "more",
                      {plain, "deflate: bytes after its end", true});
  ExpectForEverySplit("zstd", ReadFixture("text.zstd") + "more",
                      {plain, "zstd: bytes after its end", true});
}

TEST(ContentDecoderTest, RefusesFormatsFromBeforeTheSpecification) {
  // A magic number of zstd 0.5, behind a frame of today.
  const std::string old("\x25\xb5\x2f\xfd\x04\x60\xb5\x06", 8);
  ExpectForEverySplit("zstd", ReadFixture("text.zstd") + old,
                      {ReadFixture("text.plain"), "zstd: bytes after its end", true});
}

TEST(ContentDecoderTest, KeepsABodyThatIsNotCodedAsItIs) {
  ExpectForEverySplit("gzip", "plain text", {"plain text", "not gzip: kept as sent", false});
  ExpectForEverySplit("gzip", "\x1f", {"\x1f", "not gzip: kept as sent", false});
  ExpectForEverySplit("zstd", "{\"a\":1}", {"{\"a\":1}", "not zstd: kept as sent", false});
  ExpectForEverySplit("zstd", "\x28\xb5/", {"\x28\xb5/", "not zstd: kept as sent", false});
  ExpectForEverySplit("zstd", "Sx", {"Sx", "not zstd: kept as sent", false});
}

TEST(ContentDecoderTest, KeepsABodyWhoseBeginningWasLostAsItIs) {
  ByteBudget budget(kAmple);
  ContentDecoder decoder(Codings("gzip"), {}, budget);
  Collector sink;
  decoder.Feed("\x1f", sink);
  decoder.Lose(sink);
  decoder.Feed("rest", sink);
  decoder.Finish(sink);
  EXPECT_EQ(sink.content, "\x1frest");
  EXPECT_EQ(decoder.error(), "bytes were lost: kept as sent");
  EXPECT_FALSE(decoder.decoding());
}

TEST(ContentDecoderTest, RefusesAZstdWindowOfMoreThanEightMebibytes) {
  EXPECT_EQ(Decode("zstd", ReadFixture("window_16mib.zstd")), (Decoded{"", "zstd: broken", true}));
}

TEST(ContentDecoderTest, StopsAtTheLimitOfSizeToTheByte) {
  const std::string plain = ReadFixture("text.plain");
  for (const Fixture& fixture :
       {Fixture{"text.gzip", "gzip"}, Fixture{"text.br", "br"}, Fixture{"text.zstd", "zstd"},
        Fixture{"text.zstd_gzip_br_deflate", "zstd, gzip, br, deflate"}}) {
    ExpectForEverySplit(fixture.codings, ReadFixture(fixture.name),
                        {plain.substr(0, 1001), "inflates beyond 1001 bytes", true},
                        {.max_bytes = 1001});
    ExpectForEverySplit(fixture.codings, ReadFixture(fixture.name), {plain, "", true},
                        {.max_bytes = plain.size()});
  }
}

TEST(ContentDecoderTest, CountsTheLimitOfSizeFromTheLastPart) {
  const std::string encoded = ReadFixture("flushed_per_line.gzip");
  ByteBudget budget(kAmple);
  ContentDecoder decoder(Codings("gzip"), {.max_bytes = 100, .never_retract = true}, budget);
  Collector sink;
  for (const char byte : encoded) {
    decoder.Feed({&byte, 1}, sink);
    decoder.OnPart();
  }
  decoder.Finish(sink);
  EXPECT_EQ(decoder.error(), "");
  EXPECT_EQ(sink.content, ReadFixture("text.plain"));
}

TEST(ContentDecoderTest, StopsABombAtTheLimitOfRatioInLittleMemory) {
  constexpr std::uint64_t kUnlimited = std::numeric_limits<std::uint64_t>::max();
  for (const Fixture& fixture : {Fixture{"bomb.br", "br"}, Fixture{"bomb.zstd", "zstd"},
                                 Fixture{"nested_bomb.gzip_gzip", "gzip, gzip"}}) {
    const std::string encoded = ReadFixture(fixture.name);
    std::vector<std::uint64_t> sizes;
    for (const std::size_t grain : {encoded.size(), std::size_t{1}, std::size_t{100}}) {
      ByteBudget budget(20U << 20);
      ContentDecoder decoder(Codings(fixture.codings), {.max_bytes = kUnlimited}, budget);
      Counter sink;
      std::uint64_t most_held = 0;
      for (std::size_t at = 0; at < encoded.size(); at += grain) {
        decoder.Feed(std::string_view(encoded).substr(at, grain), sink);
        most_held = std::max(most_held, decoder.held_bytes());
      }
      decoder.Finish(sink);
      EXPECT_EQ(decoder.error(), "inflates beyond 1000 times its size") << fixture.name;
      EXPECT_LE(sink.bytes,
                ContentDecoder::kFreeBytes + ContentDecoder::kMaxRatio * (encoded.size() + 512));
      EXPECT_LE(most_held, 17U << 20) << fixture.name;
      EXPECT_EQ(budget.used_bytes(), 0U);
      sizes.push_back(sink.bytes);
    }
    EXPECT_EQ(sizes, std::vector<std::uint64_t>(sizes.size(), sizes.front())) << fixture.name;
  }
}

TEST(ContentDecoderTest, DecodesWhatCompressesWellButIsNoBomb) {
  ByteBudget budget(kAmple);
  ContentDecoder decoder(Codings("gzip"), {}, budget);
  Counter sink;
  decoder.Feed(ReadFixture("bomb.gzip"), sink);
  decoder.Finish(sink);
  EXPECT_EQ(decoder.error(), "");
  EXPECT_EQ(sink.bytes, 8U << 20);
}

TEST(ContentDecoderTest, SaysWhenTheBudgetRefuses) {
  for (const Fixture& fixture :
       {Fixture{"text.gzip", "gzip"}, Fixture{"bare.deflate", "deflate"}, Fixture{"text.br", "br"},
        Fixture{"text.zstd", "zstd"}, Fixture{"text.gzip_br", "gzip, br"}}) {
    const std::string encoded = ReadFixture(fixture.name);
    for (std::uint64_t limit = 0; limit < 200'000; limit += 1999) {
      ByteBudget budget(limit);
      {
        ContentDecoder decoder(Codings(fixture.codings), {}, budget);
        Collector sink;
        decoder.Feed(encoded, sink);
        decoder.Finish(sink);
        if (decoder.error().empty()) {
          EXPECT_EQ(sink.content, ReadFixture("text.plain"));
        } else {
          EXPECT_NE(decoder.error().find("no memory left"), std::string::npos) << decoder.error();
        }
      }
      EXPECT_EQ(budget.used_bytes(), 0U);
    }
  }
}

TEST(ContentDecoderTest, HoldsNothingBeforeTheFirstByte) {
  ByteBudget budget(kAmple);
  const ContentDecoder decoder(Codings("gzip, br, zstd, deflate"), {}, budget);
  EXPECT_EQ(decoder.held_bytes(), 0U);
  EXPECT_EQ(budget.used_bytes(), 0U);
}

}  // namespace
}  // namespace tlscope::content
