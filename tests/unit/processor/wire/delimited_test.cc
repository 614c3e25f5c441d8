// SPDX-License-Identifier: Apache-2.0
#include "processor/wire/delimited.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "tlscope/v1/control.pb.h"

namespace tlscope {
namespace {

using Status = DelimitedReader::Status;

constexpr std::size_t kLimit = 300;

std::string Framed(std::string_view message) {
  std::string out;
  AppendVarint(message.size(), out);
  return out.append(message);
}

/// All messages that can be had now.
std::vector<std::string> TakeAll(DelimitedReader& reader, Status& last) {
  std::vector<std::string> messages;
  std::string_view message;
  while ((last = reader.Next(message)) == Status::kMessage) messages.emplace_back(message);
  return messages;
}

TEST(DelimitedTest, HandsOutTheSameMessagesForEverySplit) {
  const std::vector<std::string> messages = {"a", "", std::string(kLimit, 'b'), "cd", ""};
  std::string stream;
  for (const std::string& message : messages) stream += Framed(message);
  for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
    SCOPED_TRACE(cut);
    DelimitedReader reader(kLimit);
    Status last{};
    reader.Append(std::string_view(stream).substr(0, cut));
    std::vector<std::string> got = TakeAll(reader, last);
    EXPECT_EQ(last, Status::kNeedMore);
    reader.Append(std::string_view(stream).substr(cut));
    for (std::string& message : TakeAll(reader, last)) got.push_back(std::move(message));
    EXPECT_EQ(got, messages);
    EXPECT_FALSE(reader.holds_bytes());
  }
}

TEST(DelimitedTest, HandsOutAMessageThatComesByteByByte) {
  const std::string stream = Framed(std::string(kLimit, 'x'));
  DelimitedReader reader(kLimit);
  std::string_view message;
  for (std::size_t i = 0; i + 1 < stream.size(); ++i) {
    reader.Append({&stream[i], 1});
    ASSERT_EQ(reader.Next(message), Status::kNeedMore) << i;
    ASSERT_TRUE(reader.holds_bytes());
  }
  reader.Append({&stream.back(), 1});
  ASSERT_EQ(reader.Next(message), Status::kMessage);
  EXPECT_EQ(message.size(), kLimit);
}

TEST(DelimitedTest, RefusesALengthBeyondTheLimitWithoutMakingRoomForIt) {
  for (const std::uint64_t claimed :
       {std::uint64_t{kLimit} + 1, std::uint64_t{1} << 31, std::uint64_t{1} << 32,
        std::uint64_t{1} << 63, std::numeric_limits<std::uint64_t>::max()}) {
    SCOPED_TRACE(claimed);
    DelimitedReader reader(kLimit);
    std::string head;
    AppendVarint(claimed, head);
    reader.Append(head);
    std::string_view message;
    EXPECT_EQ(reader.Next(message), Status::kInvalid);
    EXPECT_LT(reader.Prepare(1).size(), 1000U);
    reader.Append(Framed("after it"));
    EXPECT_EQ(reader.Next(message), Status::kInvalid);
  }
}

TEST(DelimitedTest, RefusesAVarintWithoutAnEnd) {
  for (const std::string& head : {std::string(10, '\x80'), std::string(9, '\xff') + '\x02'}) {
    DelimitedReader reader(kLimit);
    std::string_view message;
    reader.Append(std::string_view(head).substr(0, 9));
    EXPECT_EQ(reader.Next(message), Status::kNeedMore);
    reader.Append(std::string_view(head).substr(9));
    EXPECT_EQ(reader.Next(message), Status::kInvalid);
  }
}

TEST(DelimitedTest, ReadsALengthWithLeadingZeros) {
  DelimitedReader reader(kLimit);
  reader.Append({"\x82\x80\x00hi", 5});
  std::string_view message;
  ASSERT_EQ(reader.Next(message), Status::kMessage);
  EXPECT_EQ(message, "hi");
}

TEST(DelimitedTest, KnowsTheLengthOfEveryVarint) {
  for (unsigned bits = 0; bits < 64; ++bits) {
    for (const std::uint64_t value :
         {std::uint64_t{1} << bits, (std::uint64_t{1} << bits) - 1, ~std::uint64_t{0} >> bits}) {
      std::string out;
      AppendVarint(value, out);
      EXPECT_EQ(VarintBytes(value), out.size()) << value;
    }
  }
}

TEST(DelimitedTest, WritesWhatItReads) {
  v1::ServerMessage sent;
  sent.set_id(7);
  sent.mutable_lost()->set_events(300);
  std::string stream;
  AppendDelimited(sent, stream);
  DelimitedReader reader(kLimit);
  reader.Append(stream);
  std::string_view message;
  ASSERT_EQ(reader.Next(message), Status::kMessage);
  v1::ServerMessage got;
  ASSERT_TRUE(got.ParseFromArray(message.data(), static_cast<int>(message.size())));
  EXPECT_EQ(got.SerializeAsString(), sent.SerializeAsString());
}

}  // namespace
}  // namespace tlscope
