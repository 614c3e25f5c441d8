// SPDX-License-Identifier: Apache-2.0
#include "processor/ipc/broker.h"

#include <gmock/gmock.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>
#include <thread>
#include <vector>

#include "tests/unit/await.h"
#include "tests/unit/leave_out.h"
#include "tests/unit/processor/ipc/broker_fixture.h"

namespace tlscope {
namespace {

using testing::kPatience;
using namespace std::chrono_literals;

class BrokerTest : public testing::BrokerFixture {
 protected:
  static v1::Command Pause() {
    v1::Command command;
    command.mutable_pause();
    return command;
  }

  /// The next warning, or what came instead.
  static std::string NextWarning(IpcClient& client) {
    const auto message = client.Next(kPatience);
    if (!message) return message.error().Describe();
    if (*message == nullptr) return "nothing";
    return (*message)->has_event() ? (*message)->event().warning_issued().text()
                                   : (*message)->ShortDebugString();
  }

  /// Reads until `published` events have come or are said to be lost.
  static void Account(IpcClient& client, std::uint64_t published) {
    std::uint64_t received = 0;
    std::uint64_t lost = 0;
    while (received + lost < published) {
      const auto message = client.Next(kPatience);
      ASSERT_TRUE(message) << message.error().Describe();
      ASSERT_NE(*message, nullptr) << received << " received, " << lost << " lost";
      if ((*message)->has_event()) {
        ++received;
        EXPECT_EQ((*message)->event().sequence(), received + lost);
      } else {
        lost += (*message)->lost().events();
      }
    }
    EXPECT_EQ(received + lost, published);
    EXPECT_GT(received, 0U);
  }
};

TEST_F(BrokerTest, WelcomesAndAnswers) {
  Open({.version = "1.2.3"});
  IpcClient client = Connect();
  EXPECT_EQ(client.welcome().version(), "1.2.3");
  EXPECT_EQ(client.welcome().instance(), "default");
  EXPECT_EQ(client.welcome().pid(), static_cast<std::uint32_t>(getpid()));
  EXPECT_EQ(client.welcome().max_message_bytes(), 65536U);
  const auto reply = client.Request(Pause());
  ASSERT_TRUE(reply) << reply.error().Describe();
  EXPECT_EQ(reply->text(), "pause by " + std::to_string(getpid()));
}

TEST_F(BrokerTest, WakesForWhatIsPublished) {
  Open();
  IpcClient client = Connect();
  Subscribe(client, "control.health.diagnostics");
  for (int i = 0; i < 100; ++i) {
    Warn(std::to_string(i));
    ASSERT_EQ(NextWarning(client), std::to_string(i));
  }
}

TEST_F(BrokerTest, EndsASubscriptionAtItsTimeThoughNothingIsPublished) {
  Open();
  IpcClient client = Connect();
  v1::Subscribe wish;
  wish.add_topics("control.health.#");
  const auto until = std::chrono::system_clock::now() + 20ms;
  wish.mutable_filter()->set_until_unix_ns(
      std::chrono::nanoseconds(until.time_since_epoch()).count());
  ASSERT_TRUE(client.Subscribe(5, wish));
  const auto message = client.Next(kPatience);
  ASSERT_TRUE(message && *message != nullptr);
  EXPECT_TRUE((*message)->has_ended());
  EXPECT_EQ((*message)->id(), 5U);
}

TEST_F(BrokerTest, HandsOnEventsOfAnySize) {
  Open({}, std::size_t{16} << 20);
  IpcClient client = Connect();
  Subscribe(client, "events.http.#");
  for (const std::size_t bytes : {std::size_t{1}, std::size_t{127}, std::size_t{128},
                                  std::size_t{20'000}, EventBus::kWholeBodyBytes}) {
    Message message;
    message.body.assign(bytes, 'b');
    publisher_->Publish(Topic::kHttpRequest, EventMeta{1, {}},
                        MessageEvent{ConnectionInfo(), DataType::kRead, "uuid", message});
    const auto got = client.Next(kPatience);
    ASSERT_TRUE(got && *got != nullptr);
    EXPECT_EQ((*got)->event().message_decoded().body().size(), bytes);
  }
}

TEST_F(BrokerTest, AccountsForEveryEventBesideReadersThatStop) {
  constexpr std::uint64_t kPublished = 30'000;
  constexpr std::size_t kReaders = 50;
  Open();
  std::vector<IpcClient> clients;
  for (std::size_t i = 0; i < kReaders; ++i) {
    clients.push_back(Connect());
    Subscribe(clients.back(), "control.health.#");
  }
  // Every fifth reads only when everything is over.
  std::vector<std::jthread> readers;
  for (std::size_t i = 0; i < kReaders; ++i) {
    if (i % 5 != 0) readers.emplace_back([&client = clients[i]] { Account(client, kPublished); });
  }
  const std::string text(200, 'x');
  for (std::uint64_t i = 0; i < kPublished; ++i) Warn(text);
  readers.clear();
  EXPECT_EQ(Stats().clients, kReaders);
  for (std::size_t i = 0; i < kReaders; i += 5) Account(clients[i], kPublished);
  // More than its queue and the socket hold: those who stopped have lost some, and are told so.
  EXPECT_GT(Stats().lost_events, 0U);
}

TEST_F(BrokerTest, AnswersOthersBesideWhoeverAsksAndNeverReads) {
  constexpr std::size_t kMost = std::size_t{16} << 20;
  Open();
  const UniqueFd greedy = ConnectRaw();
  v1::ClientMessage ask;
  ask.mutable_request()->mutable_command()->mutable_set()->set_value(std::string(1000, 'v'));
  std::string bytes;
  while (bytes.size() < kMost) AppendDelimited(ask, bytes);
  // Its replies fill its queue; then nothing more is read of it, and what it sends stays with it.
  IpcClient other = Connect();
  std::size_t sent = 0;
  for (int refused = 0; sent < bytes.size() && refused < 100;) {
    const ssize_t n =
        send(greedy.get(), bytes.data() + sent, bytes.size() - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
    ASSERT_TRUE(other.Request(Pause()));
    if (n < 0) {
      ASSERT_EQ(errno, EAGAIN);
    }
    refused = n < 0 ? refused + 1 : 0;
    sent += static_cast<std::size_t>(std::max<ssize_t>(n, 0));
  }
  EXPECT_LT(sent, bytes.size());
  EXPECT_EQ(Stats().clients, 2U);
}

TEST_F(BrokerTest, SendsOffWhoSendsGarbageAndNobodyElse) {
  Open();
  IpcClient other = Connect();
  Subscribe(other, "control.health.#");
  const UniqueFd rude = ConnectRaw();
  Send(rude, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" + std::string(100, '\xff'));
  const std::vector<v1::ServerMessage> said = ReadToEnd(rude);
  ASSERT_EQ(said.size(), 2U);
  EXPECT_TRUE(said[0].has_welcome());
  EXPECT_EQ(said[1].error().code(), v1::Error::INVALID);
  Warn("still here");
  EXPECT_EQ(NextWarning(other), "still here");
}

TEST_F(BrokerTest, SendsOffWhoDoesNotFinishAMessage) {
  BrokerOptions options;
  options.limits.message_deadline = 20ms;
  Open(options);
  const UniqueFd idle = ConnectRaw();
  const UniqueFd slow = ConnectRaw();
  Send(slow, "\x20half");
  const std::vector<v1::ServerMessage> said = ReadToEnd(slow);
  ASSERT_EQ(said.size(), 2U);
  EXPECT_EQ(said[1].error().code(), v1::Error::INVALID);
  // Who has begun nothing may stay.
  EXPECT_EQ(Stats().clients, 1U);
}

TEST_F(BrokerTest, TakesSoManyClientsAndKeepsPlaces) {
  BrokerOptions options;
  options.limits.clients = 3;
  options.limits.reserved_clients = 1;
  Open(options);
  std::vector<IpcClient> clients;
  for (int i = 0; i < 3; ++i) clients.push_back(Connect());
  const auto refused = IpcClient::Connect({.instance = instance(), .deadline = kPatience});
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().Describe(), ::testing::HasSubstr("as many clients as it takes"));
  EXPECT_EQ(Stats().refused_clients, 1U);
  clients.pop_back();
  AwaitFor("a place for a client", [&] { return Stats().clients < 3; });
  EXPECT_TRUE(IpcClient::Connect({.instance = instance(), .deadline = kPatience}));
}

TEST_F(BrokerTest, LetsItsClientsReadTheRestWhenItCloses) {
  Open();
  IpcClient client = Connect();
  Subscribe(client, "control.health.#");
  std::promise<void> closed;
  for (int i = 0; i < 100; ++i) Warn(std::to_string(i));
  OnBroker([&] { broker_->Close(kPatience, [&closed] { closed.set_value(); }); });
  closed.get_future().get();
  for (int i = 0; i < 100; ++i) ASSERT_EQ(NextWarning(client), std::to_string(i));
  const auto end = client.Next(kPatience);
  ASSERT_FALSE(end);
  EXPECT_EQ(end.error().code, Errc::kNotFound);
  EXPECT_EQ(IpcClient::Connect({.instance = instance()}).error().code, Errc::kNotFound);
}

TEST_F(BrokerTest, ClosesThoughAClientDoesNotRead) {
  Open();
  IpcClient client = Connect();
  Subscribe(client, "control.health.#");
  for (int i = 0; i < 3000; ++i) Warn(std::string(1000, 'x'));
  std::promise<void> closed;
  OnBroker([&] { broker_->Close(10ms, [&closed] { closed.set_value(); }); });
  closed.get_future().get();
}

TEST_F(BrokerTest, ForgetsClientsThatAreGone) {
  Open();
  for (int i = 0; i < 200; ++i) {
    IpcClient client = Connect();
    Subscribe(client, "#");
  }
  AwaitFor("the end of all clients", [&] { return Stats().clients == 0; });
  EXPECT_EQ(Stats().subscriptions, 0U);
}

TEST_F(BrokerTest, GoesBeforeTheBusThoughTheIoContextStays) {
  Open();
  IpcClient client = Connect();
  Subscribe(client, "#");
  Warn("unread");
  Stop();
  bus_.reset();
}

/// What another user is told, letter by letter: o, it worked; p, a privilege is missing; x, else.
template <class T>
char Told(const Result<T>& result) {
  if (result) return 'o';
  return result.error().code == Errc::kPrivilege ? 'p' : 'x';
}

/// What user and group 65534 are told when they connect, read each kind of topic, and command.
/// Forked while there is but one thread; `go` is readable when the broker is there.
std::string TryAsNobody(const Instance& instance, int go) {
  char begin = 0;
  if (read(go, &begin, 1) != 1) return "nobody waited";
  if (setgroups(0, nullptr) != 0 || setgid(65534) != 0 || setuid(65534) != 0) return "no setuid";
  auto client = IpcClient::Connect({.instance = instance, .deadline = kPatience});
  std::string told(1, Told(client));
  if (!client) return told;
  std::uint64_t id = 0;
  for (const char* topic : {"control.health.#", "events.http.request", "control.agent.task", "#"}) {
    v1::Subscribe wish;
    wish.add_topics(topic);
    told.push_back(Told(client->Subscribe(++id, wish)));
  }
  for (const bool status : {true, false}) {
    v1::Command command;
    if (status) {
      command.mutable_get_status();
    } else {
      command.mutable_stop();
    }
    told.push_back(Told(client->Request(command)));
  }
  return told;
}

class OtherUserTest : public BrokerTest {
 protected:
  /// What TryAsNobody returns with a broker of these options.
  std::string Try(const BrokerOptions& options) {
    std::array<int, 2> go{};
    std::array<int, 2> told{};
    EXPECT_EQ(pipe(go.data()), 0);
    EXPECT_EQ(pipe(told.data()), 0);
    EXPECT_EQ(chmod(scratch_.path().c_str(), 0755), 0);
    const pid_t child = fork();
    if (child == 0) {
      const std::string text = TryAsNobody(instance(), go[0]);
      _exit(write(told[1], text.data(), text.size()) > 0 ? 0 : 1);
    }
    close(told[1]);
    Open(options);
    EXPECT_EQ(write(go[1], "g", 1), 1);
    std::array<char, 64> text{};
    const ssize_t bytes = read(told[0], text.data(), text.size());
    EXPECT_EQ(waitpid(child, nullptr, 0), child);
    for (const int fd : {go[0], go[1], told[0]}) close(fd);
    return {text.data(), static_cast<std::size_t>(std::max<ssize_t>(bytes, 0))};
  }
};

TEST_F(OtherUserTest, MayNotConnect) {
  TLSCOPE_NEEDS_ROOT();
  EXPECT_EQ(Try({}), "p");
}

TEST_F(OtherUserTest, MayReadWhatIsPublicWhereAnybodyMayConnect) {
  TLSCOPE_NEEDS_ROOT();
  EXPECT_EQ(Try({.is_public = true}), "ooppppp");
}

TEST_F(OtherUserTest, MayReadEventsAndStatusAsAMemberOfTheGroup) {
  TLSCOPE_NEEDS_ROOT();
  const group* const nobodys = getgrgid(65534);  // one thread  NOLINT(concurrency-mt-unsafe)
  ASSERT_NE(nobodys, nullptr);
  EXPECT_EQ(Try({.group = nobodys->gr_name}), "oooppop");
}

TEST(BrokerOpenTest, SaysThatThereIsNoSuchGroup) {
  testing::ScratchFolder scratch;
  boost::asio::io_context io;
  EventBus bus;
  BrokerOptions options{.instance = {scratch.path(), "default"}, .group = "no-such-group"};
  const auto opened = Broker::Open(io, bus, options, {});
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Errc::kUsage);
}

}  // namespace
}  // namespace tlscope
