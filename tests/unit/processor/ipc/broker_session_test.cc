// SPDX-License-Identifier: Apache-2.0
#include "processor/ipc/broker_session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <string>
#include <vector>

#include "processor/ipc/command.h"

namespace tlscope {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using Input = BrokerSession::Input;

constexpr std::int64_t kLater = std::int64_t{1} << 62;
constexpr gid_t kGroup = 4242;

constexpr Peer PeerOfUser(uid_t uid) { return Peer{.uid = uid, .gid = 100, .pid = 4711}; }

Peer Member() {
  Peer peer = PeerOfUser(1000);
  peer.groups = {1, kGroup};
  return peer;
}

v1::ClientMessage SubscribeTo(const std::string& topic, std::uint64_t id = 1) {
  v1::ClientMessage message;
  message.set_id(id);
  message.mutable_subscribe()->add_topics(topic);
  return message;
}

v1::ClientMessage RequestFor(v1::Command command, std::uint64_t id = 1) {
  v1::ClientMessage message;
  message.set_id(id);
  *message.mutable_request()->mutable_command() = std::move(command);
  return message;
}

std::vector<v1::Command> AllCommands() {
  std::vector<v1::Command> all(6);
  all[0].mutable_get_status();
  all[1].mutable_pause();
  all[2].mutable_resume();
  all[3].mutable_stop();
  all[4].mutable_reload();
  all[5].mutable_set()->set_key("max-body");
  return all;
}

class BrokerSessionTest : public ::testing::Test {
 protected:
  BrokerSessionTest() {
    bus_.StartRecording();
    on_command_ = [this](const v1::Command& command, const Peer& peer) -> Result<v1::Reply> {
      commands_.push_back(std::string(CommandName(command)) + ' ' + std::to_string(peer.uid));
      if (!failure_.what.empty()) return tl::make_unexpected(failure_);
      v1::Reply reply;
      reply.set_text("done");
      return reply;
    };
  }

  void Connect(Peer peer) {
    session_ = std::make_unique<BrokerSession>(SessionEnv{bus_, policy_, limits_, on_command_},
                                               std::move(peer), v1::Welcome());
    EXPECT_TRUE(Take().at(0).has_welcome());
  }

  Input Feed(std::string_view bytes) {
    const std::span<char> room = session_->PrepareInput(bytes.size() + 1);
    std::memcpy(room.data(), bytes.data(), bytes.size());
    session_->CommitInput(bytes.size());
    return session_->Answer(1000);
  }

  /// What has been said since the last time.
  std::vector<v1::ServerMessage> Take() {
    DelimitedReader reader(1 << 20);
    reader.Append(std::exchange(session_->output(), {}));
    std::vector<v1::ServerMessage> messages;
    std::string_view bytes;
    while (reader.Next(bytes) == DelimitedReader::Status::kMessage) {
      EXPECT_TRUE(
          messages.emplace_back().ParseFromArray(bytes.data(), static_cast<int>(bytes.size())));
    }
    EXPECT_FALSE(reader.holds_bytes());
    return messages;
  }

  /// The one answer to a message.
  v1::ServerMessage Ask(const v1::ClientMessage& message) {
    std::string bytes;
    AppendDelimited(message, bytes);
    EXPECT_EQ(Feed(bytes), Input::kIdle);
    std::vector<v1::ServerMessage> answers = Take();
    EXPECT_EQ(answers.size(), 1U);
    if (answers.empty()) return {};
    EXPECT_EQ(answers[0].id(), message.id());
    return answers[0];
  }

  std::vector<std::string> Warnings(std::size_t bytes = 1 << 20) {
    std::vector<std::string> texts;
    session_->TakeEvents(bytes, kLater);
    for (const v1::ServerMessage& message : Take()) {
      if (message.has_event()) texts.push_back(message.event().warning_issued().text());
    }
    return texts;
  }

  void Warn(std::string_view text) {
    publisher_.Publish(Topic::kHealthDiagnostics, EventMeta{1, {}}, WarningEvent{text});
  }

  AccessPolicy policy_{.owner = 500, .group = Group{kGroup, "watchers"}};
  BrokerLimits limits_;
  EventBus bus_{EventBusOptions{.ring_bytes = 1 << 20}};
  BusPublisher& publisher_ = bus_.MakePublisher();
  CommandHandler on_command_;
  Error failure_{Errc::kSystem, 0, {}, {}};
  std::vector<std::string> commands_;
  std::unique_ptr<BrokerSession> session_;
};

TEST_F(BrokerSessionTest, LetsEachRoleReadWhatItMay) {
  struct Row {
    const char* pattern;
    bool anybody;
    bool member;
  };
  const std::vector<Row> rows = {
      {"control.health.#", true, true},
      {"control.health.heartbeat", true, true},
      {"+.health.+", true, true},
      {"events.http.request", false, true},
      {"events.#", false, true},
      {"events.+.lost", false, true},
      {"control.agent.task", false, false},
      {"control.#", false, false},
      {"#", false, false},
      {"+.+.+", false, false},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.pattern);
    Connect(PeerOfUser(1000));
    EXPECT_EQ(Ask(SubscribeTo(row.pattern)).has_ack(), row.anybody);
    Connect(Member());
    EXPECT_EQ(Ask(SubscribeTo(row.pattern)).has_ack(), row.member);
    for (const uid_t owner : {uid_t{0}, policy_.owner}) {
      Connect(PeerOfUser(owner));
      EXPECT_TRUE(Ask(SubscribeTo(row.pattern)).has_ack());
    }
  }
}

TEST_F(BrokerSessionTest, KnowsAMemberByEitherKindOfGroup) {
  Peer peer = PeerOfUser(1000);
  peer.gid = kGroup;
  EXPECT_EQ(RoleOf(peer, policy_), Role::kGroup);
  EXPECT_EQ(RoleOf(Member(), policy_), Role::kGroup);
  policy_.group = {};
  EXPECT_EQ(RoleOf(Member(), policy_), Role::kPublic);
}

TEST_F(BrokerSessionTest, SaysOfARefusalWhoMayAndWhatWouldWork) {
  for (const bool member : {false, true}) {
    for (const char* pattern : {"#", "events.http.request", "control.#", "control.agent.+"}) {
      SCOPED_TRACE(pattern);
      Connect(member ? Member() : PeerOfUser(1000));
      const v1::ServerMessage answer = Ask(SubscribeTo(pattern));
      if (answer.has_ack()) continue;
      EXPECT_EQ(answer.error().code(), v1::Error::FORBIDDEN);
      const std::string& text = answer.error().text();
      EXPECT_THAT(text, AllOf(HasSubstr("may be read by root and user id 500"),
                              HasSubstr("; subscribe to '")));
      const std::size_t begin = text.find("subscribe to '") + std::strlen("subscribe to '");
      EXPECT_TRUE(Ask(SubscribeTo(text.substr(begin, text.find('\'', begin) - begin))).has_ack())
          << text;
    }
  }
  Connect(PeerOfUser(1000));
  EXPECT_EQ(Ask(SubscribeTo("events.http.+")).error().text(),
            "topic 'events.http.request' may be read by root and user id 500 and the group "
            "'watchers' only; subscribe to 'control.health.#', or run as root");
}

TEST_F(BrokerSessionTest, RefusesAllOfASubscriptionForOneTopic) {
  Connect(PeerOfUser(1000));
  v1::ClientMessage message = SubscribeTo("control.health.#");
  message.mutable_subscribe()->add_topics("events.http.request");
  EXPECT_EQ(Ask(message).error().code(), v1::Error::FORBIDDEN);
  EXPECT_EQ(session_->subscriptions(), 0U);
}

TEST_F(BrokerSessionTest, TakesCommandsOfItsOwnUserAndRoot) {
  for (const v1::Command& command : AllCommands()) {
    SCOPED_TRACE(CommandName(command));
    commands_.clear();
    Connect(PeerOfUser(1000));
    EXPECT_EQ(Ask(RequestFor(command)).error().code(), v1::Error::FORBIDDEN);
    Connect(Member());
    EXPECT_EQ(Ask(RequestFor(command)).has_reply(), command.has_get_status());
    EXPECT_EQ(commands_.size(), command.has_get_status() ? 1U : 0U);
    for (const uid_t owner : {uid_t{0}, policy_.owner}) {
      Connect(PeerOfUser(owner));
      EXPECT_EQ(Ask(RequestFor(command)).reply().text(), "done");
      EXPECT_EQ(commands_.back(), std::string(CommandName(command)) + ' ' + std::to_string(owner));
    }
  }
}

TEST_F(BrokerSessionTest, SaysWhyACommandFailed) {
  Connect(PeerOfUser(0));
  v1::Command pause;
  pause.mutable_pause();
  failure_ = {Errc::kSystem, EIO, "pause", "try again"};
  v1::ServerMessage answer = Ask(RequestFor(pause));
  EXPECT_EQ(answer.error().code(), v1::Error::FAILED);
  EXPECT_EQ(answer.error().text(), "cannot pause: Input/output error; try again");
  failure_.code = Errc::kUsage;
  EXPECT_EQ(Ask(RequestFor(pause)).error().code(), v1::Error::UNSUITABLE);
}

TEST_F(BrokerSessionTest, TellsTheBusOfCommands) {
  Connect(PeerOfUser(0));
  ASSERT_TRUE(Ask(SubscribeTo("control.agent.task")).has_ack());
  v1::Command command;
  command.mutable_stop();
  ASSERT_TRUE(Ask(RequestFor(command)).has_reply());
  session_->TakeEvents(1 << 20, kLater);
  const std::vector<v1::ServerMessage> said = Take();
  ASSERT_EQ(said.size(), 1U);
  EXPECT_EQ(said[0].event().command_received().command(), "stop");
  EXPECT_EQ(said[0].event().command_received().pid(), 4711U);
}

TEST_F(BrokerSessionTest, TakesCommandsOnTheirTopicOnly) {
  Connect(PeerOfUser(0));
  for (const v1::Command& command : AllCommands()) {
    for (const char* topic : {"control.agent.lifecycle", "control.agent.config", "events.#", ""}) {
      SCOPED_TRACE(std::string(CommandName(command)) + " on " + topic);
      commands_.clear();
      v1::ClientMessage message;
      message.set_id(3);
      message.mutable_publish()->set_topic(topic);
      *message.mutable_publish()->mutable_command() = command;
      std::string bytes;
      AppendDelimited(message, bytes);
      EXPECT_EQ(Feed(bytes), Input::kIdle);
      const std::vector<v1::ServerMessage> answers = Take();
      const bool right = !TopicOfCommand(command).empty() && TopicOfCommand(command) == topic;
      EXPECT_EQ(commands_.size(), right ? 1U : 0U);
      EXPECT_EQ(answers.size(), right ? 0U : 1U);
      if (!answers.empty()) {
        EXPECT_EQ(answers[0].error().code(), v1::Error::UNSUITABLE);
      }
    }
  }
}

TEST_F(BrokerSessionTest, HandsOnEventsFromTheSubscriptionOn) {
  Connect(PeerOfUser(0));
  Warn("before");
  ASSERT_TRUE(Ask(SubscribeTo("control.health.diagnostics", 9)).has_ack());
  Warn("first");
  Warn("second");
  ASSERT_TRUE(session_->TakeEvents(1 << 20, kLater));
  const std::vector<v1::ServerMessage> said = Take();
  ASSERT_EQ(said.size(), 2U);
  EXPECT_EQ(said[0].id(), 9U);
  EXPECT_EQ(said[0].event().warning_issued().text(), "first");
  EXPECT_EQ(said[1].event().topic(), "control.health.diagnostics");
  EXPECT_FALSE(session_->TakeEvents(1 << 20, kLater));
}

TEST_F(BrokerSessionTest, BeginsWithTheHistoryThatWasAskedFor) {
  Connect(PeerOfUser(0));
  for (const char* text : {"a", "b", "c"}) Warn(text);
  v1::ClientMessage message = SubscribeTo("control.health.#");
  message.mutable_subscribe()->set_history(2);
  ASSERT_TRUE(Ask(message).has_ack());
  Warn("d");
  EXPECT_EQ(Warnings(), (std::vector<std::string>{"b", "c", "d"}));
}

TEST_F(BrokerSessionTest, TakesNoMoreEventsThanThereIsRoomFor) {
  Connect(PeerOfUser(0));
  ASSERT_TRUE(Ask(SubscribeTo("control.health.#")).has_ack());
  const std::string large(4'000, 'x');
  for (int i = 0; i < 10; ++i) Warn(large);
  EXPECT_EQ(Warnings(6'000).size(), 2U);
  EXPECT_EQ(Warnings(1).size(), 1U);
  EXPECT_EQ(Warnings().size(), 7U);
}

TEST_F(BrokerSessionTest, SaysWhatWasLostBeforeTheNextEvent) {
  Connect(PeerOfUser(0));
  ASSERT_TRUE(Ask(SubscribeTo("control.health.#")).has_ack());
  constexpr std::uint64_t kPublished = 50'000;
  for (std::uint64_t i = 0; i < kPublished; ++i) Warn(std::string(100, 'x'));
  std::uint64_t received = 0;
  std::uint64_t lost = 0;
  session_->TakeEvents(std::size_t{1} << 30, kLater);
  for (const v1::ServerMessage& message : Take()) {
    if (message.has_lost()) {
      EXPECT_EQ(received, 0U);
      lost += message.lost().events();
    } else {
      ++received;
      EXPECT_EQ(message.event().sequence(), lost + received);
    }
  }
  EXPECT_GT(lost, 0U);
  EXPECT_EQ(received + lost, kPublished);
  EXPECT_EQ(session_->lost_events(), lost);
}

TEST_F(BrokerSessionTest, EndsASubscription) {
  Connect(PeerOfUser(0));
  v1::ClientMessage end;
  end.set_id(1);
  end.mutable_unsubscribe();
  EXPECT_EQ(Ask(end).error().code(), v1::Error::UNSUITABLE);
  ASSERT_TRUE(Ask(SubscribeTo("control.health.#")).has_ack());
  EXPECT_NE(session_->topics(), 0U);
  EXPECT_TRUE(Ask(end).has_ack());
  EXPECT_EQ(session_->topics(), 0U);
  Warn("late");
  EXPECT_TRUE(Warnings().empty());
}

TEST_F(BrokerSessionTest, EndsASubscriptionWhoseTimeIsOverAfterItsHistory) {
  Connect(PeerOfUser(0));
  Warn("old");
  v1::ClientMessage message = SubscribeTo("control.health.#");
  message.mutable_subscribe()->set_history(10);
  message.mutable_subscribe()->mutable_filter()->set_until_unix_ns(kLater);
  ASSERT_TRUE(Ask(message).has_ack());
  EXPECT_EQ(session_->first_end_unix_ns(), kLater);
  session_->TakeEvents(1 << 20, kLater);
  std::vector<v1::ServerMessage> said = Take();
  ASSERT_EQ(said.size(), 1U);
  EXPECT_TRUE(said[0].has_event());
  session_->TakeEvents(1 << 20, kLater + 1);
  said = Take();
  ASSERT_EQ(said.size(), 1U);
  EXPECT_TRUE(said[0].has_ended());
  EXPECT_EQ(session_->subscriptions(), 0U);
}

TEST_F(BrokerSessionTest, RefusesSubscriptionsThatMakeNoSense) {
  Connect(PeerOfUser(0));
  ASSERT_TRUE(Ask(SubscribeTo("#", 1)).has_ack());
  std::vector<v1::ClientMessage> unsuitable = {
      SubscribeTo("#", 1), SubscribeTo("#", 0), SubscribeTo("events..x", 2),
      SubscribeTo("events.nothing", 2), SubscribeTo(std::string(1000, '\n'), 2)};
  unsuitable.emplace_back().set_id(2);
  unsuitable.back().mutable_subscribe();
  unsuitable.emplace_back().set_id(2);
  const auto with = [&]() -> v1::EventFilter& {
    unsuitable.push_back(SubscribeTo("#", 2));
    return *unsuitable.back().mutable_subscribe()->mutable_filter();
  };
  with().add_tags("no-value");
  with().set_stage("sleeping");
  with().add_kinds(static_cast<v1::EventKind>(9));
  with().set_since_unix_ns(-1);
  v1::EventFilter& reversed = with();
  reversed.set_since_unix_ns(2);
  reversed.set_until_unix_ns(1);
  for (const v1::ClientMessage& message : unsuitable) {
    const v1::ServerMessage answer = Ask(message);
    EXPECT_EQ(answer.error().code(), v1::Error::UNSUITABLE) << message.ShortDebugString();
    EXPECT_EQ(answer.error().text().find('\n'), std::string::npos);
  }
  EXPECT_EQ(session_->subscriptions(), 1U);
}

TEST_F(BrokerSessionTest, KeepsItsLimits) {
  Connect(PeerOfUser(0));
  const auto refused = [&](const v1::ClientMessage& message) {
    return Ask(message).error().code() == v1::Error::LIMIT;
  };
  v1::ClientMessage message = SubscribeTo("#", 2);
  while (message.subscribe().topics_size() < 64) message.mutable_subscribe()->add_topics("#");
  EXPECT_FALSE(refused(message));
  message.set_id(3);
  message.mutable_subscribe()->add_topics("#");
  EXPECT_TRUE(refused(message));
  message = SubscribeTo("#", 3);
  message.mutable_subscribe()->set_history(1001);
  EXPECT_TRUE(refused(message));
  for (std::uint64_t id = 3; id < 34; ++id) {
    EXPECT_FALSE(refused(SubscribeTo("#", id))) << id;
  }
  EXPECT_TRUE(refused(SubscribeTo("#", 34)));
}

TEST_F(BrokerSessionTest, SendsOffWhoSendsGarbage) {
  std::string huge;
  AppendVarint(limits_.message_bytes + 1, huge);
  for (const std::string& garbage : {std::string("\x03\xff\xff\xff"), huge, std::string(64, '\xff'),
                                     "GET / HTTP/1.1\r\nHost: " + std::string(100, 'x')}) {
    Connect(PeerOfUser(0));
    ASSERT_TRUE(Ask(SubscribeTo("#")).has_ack());
    EXPECT_EQ(Feed(garbage), Input::kFinished);
    const std::vector<v1::ServerMessage> said = Take();
    ASSERT_EQ(said.size(), 1U);
    EXPECT_EQ(said[0].error().code(), v1::Error::INVALID);
    EXPECT_EQ(session_->subscriptions(), 0U);
    EXPECT_EQ(Feed("more"), Input::kFinished);
    EXPECT_TRUE(Take().empty());
  }
}

TEST_F(BrokerSessionTest, SaysWhetherAMessageIsBegunOrWaits) {
  Connect(PeerOfUser(0));
  std::string bytes;
  AppendDelimited(SubscribeTo("#"), bytes);
  EXPECT_EQ(Feed(bytes.substr(0, 1)), Input::kPartial);
  EXPECT_EQ(Feed(bytes.substr(1)), Input::kIdle);
  EXPECT_EQ(session_->Answer(0), Input::kMore);
  EXPECT_EQ(session_->answered(), 1U);
}

}  // namespace
}  // namespace tlscope
