// SPDX-License-Identifier: Apache-2.0
#include "parsers/tls/hello.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "tests/unit/parsers/tls/hello_builder.h"

namespace tlscope::tls {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using tlscope::testing::ClientHello;
using tlscope::testing::Extension;
using tlscope::testing::ProtocolsExtension;
using tlscope::testing::ServerHello;
using tlscope::testing::ServerNameExtension;
using tlscope::testing::Vector;
using tlscope::testing::VersionExtension;

TEST(HelloTest, ReadsWhatAClientAsksFor) {
  const std::string bytes = ClientHello(Extension(0x0a0a, "") + ServerNameExtension("api.example") +
                                        ProtocolsExtension({"h2", "http/1.1"}));
  const auto hello = ReadHello(bytes);
  ASSERT_TRUE(hello);
  EXPECT_TRUE(hello->from_client);
  EXPECT_EQ(hello->version, 0) << "what was chosen is not known yet";
  EXPECT_EQ(hello->server_name, "api.example");
  EXPECT_THAT(hello->protocols, ElementsAre("h2", "http/1.1"));
}

TEST(HelloTest, ReadsTheVersionThatAServerChose) {
  EXPECT_EQ(ReadHello(ServerHello(VersionExtension(0x0304)))->version, 0x0304);
  EXPECT_EQ(ReadHello(ServerHello(Extension(23, "")))->version, 0x0303);
  EXPECT_EQ(ReadHello(ServerHello("", 0x0301))->version, 0x0301) << "it may have no extensions";
}

TEST(HelloTest, ReadsTheProtocolThatAServerChose) {
  const std::string bytes = ServerHello(ProtocolsExtension({"h2"}));
  EXPECT_THAT(ReadHello(bytes)->protocols, ElementsAre("h2"));
}

TEST(HelloTest, KeepsNoNameThatIsNoHostName) {
  for (const std::string_view name : {"", "a b", "a\nb", "a\xffz", "\x7f"})
    EXPECT_EQ(ReadHello(ClientHello(ServerNameExtension(name)))->server_name, "") << name;
  const std::string other = '\x01' + Vector(2, "not a host");
  const std::string name = std::string(1, '\0') + Vector(2, "a.example");
  const std::string bytes = ClientHello(Extension(0, Vector(2, other + name)));
  EXPECT_EQ(ReadHello(bytes)->server_name, "a.example");
}

TEST(HelloTest, TakesNothingElseForAHello) {
  const std::string bytes = ServerHello(VersionExtension(0x0304));
  std::string other = bytes;
  other[0] = 4;
  EXPECT_FALSE(ReadHello(other)) << "a session ticket";
  other = bytes;
  other[4] = 2;
  EXPECT_FALSE(ReadHello(other)) << "no version of TLS";
  EXPECT_FALSE(ReadHello("GET / HTTP/1.1\r\n\r\n"));
}

TEST(HelloTest, TellsOfACutOneWhatIsWhole) {
  const std::string client =
      ClientHello(ServerNameExtension("api.example") + ProtocolsExtension({"h2", "http/1.1"}));
  const std::string server = ServerHello(ProtocolsExtension({"h2"}) + VersionExtension(0x0304));
  for (const std::string& whole : {client, server}) {
    const Hello all = *ReadHello(whole);
    for (std::size_t size = 0; size < whole.size(); ++size) {
      SCOPED_TRACE(size);
      const auto hello = ReadHello(std::string_view(whole).substr(0, size));
      ASSERT_EQ(hello.has_value(), size >= 6);
      if (!hello) continue;
      EXPECT_TRUE(hello->server_name.empty() || hello->server_name == all.server_name);
      EXPECT_TRUE(hello->version == 0 || hello->version == all.version);
      ASSERT_LE(hello->protocols.size(), all.protocols.size());
      for (std::size_t i = 0; i < hello->protocols.size(); ++i)
        EXPECT_EQ(hello->protocols[i], all.protocols[i]);
    }
  }
}

TEST(HelloTest, BelievesNoLength) {
  const std::string whole =
      ClientHello(ServerNameExtension("api.example") + ProtocolsExtension({"h2", "http/1.1"}));
  for (std::size_t at = 0; at < whole.size(); ++at) {
    for (const char byte : {'\0', '\x01', '\x7f', '\xff'}) {
      std::string bytes = whole;
      bytes[at] = byte;
      const auto hello = ReadHello(bytes);
      if (!hello) continue;
      for (const std::string_view view : hello->protocols)
        EXPECT_NE(bytes.find(view), std::string::npos);
      EXPECT_NE(bytes.find(hello->server_name), std::string::npos);
    }
  }
  EXPECT_THAT(ReadHello(ClientHello(Extension(16, "\xff\xff\x09")))->protocols, IsEmpty());
}

}  // namespace
}  // namespace tlscope::tls
