// SPDX-License-Identifier: Apache-2.0
#include "processor/ipc/client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <string>
#include <thread>

#include "tests/unit/processor/ipc/broker_fixture.h"

namespace tlscope {
namespace {

using ::testing::HasSubstr;
using namespace std::chrono_literals;

/// A socket where an agent's would be, and whatever it says.
class ClientTest : public ::testing::Test {
 protected:
  void Listen() {
    ASSERT_EQ(mkdir((scratch_.path() + "/default").c_str(), 0700), 0);
    listening_ = UniqueFd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path().data(), path().size());
    ASSERT_EQ(bind(listening_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    ASSERT_EQ(listen(listening_.get(), 8), 0);
  }

  /// The next client hears this, and nothing more.
  void Say(std::string bytes) {
    agent_ = std::jthread([this, bytes = std::move(bytes)] {
      const UniqueFd client(accept(listening_.get(), nullptr, nullptr));
      EXPECT_EQ(send(client.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL),
                static_cast<ssize_t>(bytes.size()));
    });
  }

  std::string path() const { return scratch_.path() + "/default/control.sock"; }
  IpcClient::Options options() const {
    return {.instance = {scratch_.path(), "default"}, .deadline = testing::kPatience};
  }
  std::string ErrorOfConnect() const {
    const auto client = IpcClient::Connect(options());
    return client ? "connected" : client.error().Describe();
  }

  testing::ScratchFolder scratch_;
  UniqueFd listening_;
  std::jthread agent_;
};

TEST_F(ClientTest, SaysWhatToDoWhereNoAgentIs) {
  EXPECT_EQ(ErrorOfConnect(), "cannot reach the agent 'default' at " + path() +
                                  ": No such file or directory; start one with 'tlscope capture', "
                                  "or name another with --instance");
  Listen();
  listening_ = {};
  EXPECT_THAT(ErrorOfConnect(), HasSubstr("Connection refused; start one with"));
}

TEST_F(ClientTest, RefusesWhatSpeaksAnotherProtocol) {
  Listen();
  Say("SSH-2.0-OpenSSH\r\n" + std::string(100, 'x'));
  EXPECT_THAT(ErrorOfConnect(), HasSubstr("use the tlscope that the agent was started from"));
  agent_.join();
  v1::ServerMessage welcome;
  welcome.mutable_welcome()->set_protocol(2);
  std::string bytes;
  AppendDelimited(welcome, bytes);
  Say(bytes);
  EXPECT_THAT(ErrorOfConnect(), HasSubstr("it speaks another protocol"));
}

TEST_F(ClientTest, NoticesThatTheAgentIsGone) {
  Listen();
  Say("");
  const auto client = IpcClient::Connect(options());
  ASSERT_FALSE(client);
  EXPECT_EQ(client.error().code, Errc::kNotFound);
}

TEST_F(ClientTest, GivesUpOnAnAgentThatDoesNotAnswer) {
  Listen();
  IpcClient::Options impatient = options();
  impatient.deadline = 10ms;
  const auto client = IpcClient::Connect(impatient);
  ASSERT_FALSE(client);
  EXPECT_EQ(client.error().error_number, ETIMEDOUT);
}

class ConnectedClientTest : public testing::BrokerFixture {};

TEST_F(ConnectedClientTest, WaitsNoLongerThanItIsTold) {
  Open();
  IpcClient client = Connect();
  const auto message = client.Next(0ms);
  ASSERT_TRUE(message);
  EXPECT_EQ(*message, nullptr);
}

TEST_F(ConnectedClientTest, StopsWaitingWhenItIsInterrupted) {
  Open();
  const UniqueFd interrupt(eventfd(1, EFD_CLOEXEC));
  IpcClient client = Connect();
  client.InterruptBy(interrupt.get());
  const auto message = client.Next({});
  ASSERT_TRUE(message);
  EXPECT_EQ(*message, nullptr);
}

TEST_F(ConnectedClientTest, RefusesToAskForMoreThanTheAgentReads) {
  Open();
  IpcClient client = Connect();
  v1::Command command;
  command.mutable_set()->set_value(std::string(70'000, 'v'));
  const auto reply = client.Request(command);
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, Errc::kUsage);
  command.mutable_set()->set_value("small");
  EXPECT_TRUE(client.Request(command));
}

TEST_F(ConnectedClientTest, TellsOfAFailureWhatTheAgentSays) {
  Open();
  IpcClient client = Connect();
  v1::Subscribe wish;
  wish.add_topics("events..");
  const auto done = client.Subscribe(1, wish);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, Errc::kUsage);
  EXPECT_THAT(done.error().Describe(), HasSubstr("cannot subscribe: 'events..' is no pattern"));
}

}  // namespace
}  // namespace tlscope
