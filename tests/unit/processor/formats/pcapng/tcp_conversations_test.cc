// SPDX-License-Identifier: Apache-2.0
#include "processor/formats/pcapng/tcp_conversations.h"

#include <gtest/gtest.h>

#include <string>

namespace tlscope {
namespace {

Tuple Ipv4(std::uint16_t local_port, std::uint16_t remote_port) {
  return {AddressFamily::kIpv4, {{127, 0, 0, 1}, local_port}, {{127, 0, 0, 2}, remote_port}};
}

Tuple Ipv6() {
  Tuple tuple{AddressFamily::kIpv6, {{}, 50000}, {{}, 443}};
  tuple.local.address[15] = tuple.remote.address[15] = 1;
  return tuple;
}

Tuple Reversed(const Tuple& tuple) { return {tuple.family, tuple.remote, tuple.local}; }

TEST(TcpConversationsTest, ShowsAddressesAsTheyAre) {
  TcpConversations conversations;
  const TcpConversation& conversation = conversations.Add(1, Ipv4(50000, 443));
  EXPECT_EQ(conversation.addresses, ShownAddresses::kTrue);
  EXPECT_EQ(conversation.shown, Ipv4(50000, 443));
  EXPECT_EQ(conversations.Find(1), &conversation);
  EXPECT_EQ(conversations.Find(2), nullptr);
}

TEST(TcpConversationsTest, KeepsBothEndsOfAConnectionApart) {
  TcpConversations conversations;
  conversations.Add(1, Ipv4(50000, 443));
  const TcpConversation& other = conversations.Add(2, Reversed(Ipv4(50000, 443)));
  EXPECT_EQ(other.addresses, ShownAddresses::kMapped);
  EXPECT_EQ(other.shown.family, AddressFamily::kIpv6);
  const std::array<std::uint8_t, 16> mapped = {0, 0, 0,    0,    0,   0, 0, 0,
                                               0, 0, 0xff, 0xff, 127, 0, 0, 2};
  EXPECT_EQ(other.shown.local, (Endpoint{mapped, 443}));
  EXPECT_EQ(other.shown.remote.port, 50000);
}

TEST(TcpConversationsTest, MapsNoneToWhatAnotherConnectionTrulyHas) {
  TcpConversations conversations;
  Tuple mapped{AddressFamily::kIpv6, {{}, 50000}, {{}, 443}};
  mapped.local.address = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1};
  mapped.remote.address = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 2};
  TcpConversation& ipv6 = conversations.Add(1, mapped);
  EXPECT_EQ(ipv6.addresses, ShownAddresses::kTrue);
  EXPECT_EQ(conversations.Add(2, Ipv4(50000, 443)).addresses, ShownAddresses::kTrue);
  EXPECT_EQ(conversations.Add(3, Reversed(Ipv4(50000, 443))).addresses, ShownAddresses::kMadeUp);
  conversations.Forget(ipv6);
  EXPECT_EQ(conversations.Add(4, Ipv4(50000, 443)).addresses, ShownAddresses::kMapped);
  EXPECT_EQ(conversations.Add(5, mapped).addresses, ShownAddresses::kMadeUp);
}

TEST(TcpConversationsTest, MakesAddressesUpWhereNoneAreLeftOrKnown) {
  TcpConversations conversations;
  conversations.Add(1, Ipv4(50000, 443));
  conversations.Add(2, Ipv4(50000, 443));
  conversations.Add(3, Ipv6());
  const TcpConversation& third = conversations.Add(0x1122334455667788, Ipv4(50000, 443));
  const TcpConversation& second = conversations.Add(5, Reversed(Ipv6()));
  const TcpConversation& unknown = conversations.Add(6, {});
  EXPECT_EQ(third.addresses, ShownAddresses::kMadeUp);
  EXPECT_EQ(second.addresses, ShownAddresses::kMadeUp);
  EXPECT_EQ(unknown.addresses, ShownAddresses::kUnknown);
  const std::array<std::uint8_t, 16> local = {0x20, 0x01, 0x0d, 0xb8, 0,    0,    0,    1,
                                              0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88};
  EXPECT_EQ(third.shown.local, (Endpoint{local, 50000}));
  EXPECT_EQ(third.shown.remote.port, 443);
  EXPECT_NE(third.shown.remote.address, local);
  EXPECT_NE(unknown.shown.local, third.shown.local);
}

TEST(TcpConversationsTest, GivesAddressesBackWithTheirConnection) {
  TcpConversations conversations;
  TcpConversation& first = conversations.Add(1, Ipv4(50000, 443));
  conversations.Add(2, Reversed(Ipv4(50000, 443)));
  conversations.Forget(first);
  EXPECT_EQ(conversations.Add(3, Ipv4(50000, 443)).addresses, ShownAddresses::kTrue);
  EXPECT_EQ(conversations.Add(4, Ipv4(50000, 443)).addresses, ShownAddresses::kMadeUp);
}

TEST(TcpConversationsTest, ForgetsTheOneUsedLongestAgo) {
  TcpConversations conversations;
  constexpr std::size_t kMax = TcpConversations::kMaxConversations;
  for (std::uint64_t id = 1; id <= kMax; ++id) conversations.Add(id, Ipv4(50000, 443));
  ASSERT_NE(conversations.Find(1), nullptr);
  conversations.Add(kMax + 1, {});
  EXPECT_EQ(conversations.size(), kMax);
  EXPECT_NE(conversations.Find(1), nullptr);
  EXPECT_EQ(conversations.Find(2), nullptr);
  EXPECT_NE(conversations.Find(3), nullptr);
}

}  // namespace
}  // namespace tlscope
