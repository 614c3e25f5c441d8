// SPDX-License-Identifier: Apache-2.0
#include "agent/control/controller.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tlscope {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ControllerTest : public ::testing::Test {
 protected:
  ControllerHooks Hooks() {
    ControllerHooks hooks;
    hooks.status = [this] {
      v1::AgentStatus status;
      status.set_connections(connections_);
      return status;
    };
    hooks.paused_bytes = [this] { return paused_bytes_; };
    hooks.pause = [this] { done_.emplace_back("pause"); };
    hooks.resume = [this](std::uint64_t skipped) {
      done_.push_back("resume " + std::to_string(skipped));
    };
    hooks.stop = [this] { done_.emplace_back("stop"); };
    hooks.reload = [this] { return reloaded_; };
    hooks.set = [this](const std::string& key, const std::string& value) -> Result<SettingChange> {
      done_.push_back("set " + key + " " + value);
      if (key == "wrong")
        return Fail(Errc::kUsage, 0, "set 'wrong'", "those that can be set are x");
      return SettingChange{key, "1", value, false};
    };
    return hooks;
  }

  Result<v1::Reply> Execute(const std::function<void(v1::Command&)>& fill) {
    v1::Command command;
    fill(command);
    return controller_.Execute(command);
  }
  std::string Text(const std::function<void(v1::Command&)>& fill) {
    const auto reply = Execute(fill);
    if (!reply) return "error: " + reply.error().Describe();
    EXPECT_FALSE(reply->has_status());
    return reply->text();
  }

  std::uint64_t connections_ = 12;
  std::uint64_t paused_bytes_ = 500;
  Result<std::vector<SettingChange>> reloaded_;
  std::vector<std::string> done_;
  Controller controller_{Hooks()};
};

void Pause(v1::Command& command) { command.mutable_pause(); }
void Resume(v1::Command& command) { command.mutable_resume(); }
void Stop(v1::Command& command) { command.mutable_stop(); }
void Reload(v1::Command& command) { command.mutable_reload(); }

TEST_F(ControllerTest, AnswersWithTheStatus) {
  const auto reply = Execute([](v1::Command& command) { command.mutable_get_status(); });
  ASSERT_TRUE(reply.has_value());
  EXPECT_EQ(reply->status().connections(), 12U);
  EXPECT_THAT(reply->text(), IsEmpty());
}

TEST_F(ControllerTest, PausesOnceAndSaysWhenItWasPausedAlready) {
  EXPECT_FALSE(controller_.paused());
  EXPECT_THAT(Text(Pause), HasSubstr("paused; 12 connections are followed"));
  EXPECT_TRUE(controller_.paused());
  connections_ = 1;
  EXPECT_THAT(Text(Pause), HasSubstr("already paused; 1 connection is followed"));
  EXPECT_THAT(done_, ElementsAre("pause"));
}

TEST_F(ControllerTest, ResumesWithWhatWentByInTheMeantime) {
  EXPECT_EQ(Text(Resume), "not paused");
  Text(Pause);
  paused_bytes_ += 42;
  EXPECT_THAT(Text(Resume), HasSubstr("resumed; 42 bytes"));
  EXPECT_FALSE(controller_.paused());
  Text(Pause);
  paused_bytes_ += 7;
  EXPECT_THAT(Text(Resume), HasSubstr("resumed; 7 bytes"));
  EXPECT_THAT(done_, ElementsAre("pause", "resume 42", "pause", "resume 7"));
}

TEST_F(ControllerTest, StopsOnce) {
  EXPECT_THAT(Text(Stop), HasSubstr("stopping;"));
  EXPECT_THAT(Text(Stop), HasSubstr("already stopping"));
  EXPECT_THAT(done_, ElementsAre("stop"));
}

TEST_F(ControllerTest, SaysWhatAReloadChangedAndWhatNeedsARestart) {
  EXPECT_EQ(Text(Reload), "reloaded; nothing changed");
  reloaded_ = std::vector<SettingChange>{{"tsize", "10", "20", false},
                                         {"event-log-rotate", "1", "2", true},
                                         {"event-log-rotate", "0", "1", true},
                                         {"port", "", "443", true}};
  EXPECT_EQ(Text(Reload),
            "reloaded; tsize is 20, was 10; event-log-rotate needs a restart to change; port needs "
            "a restart to change");
  reloaded_ = Fail(Errc::kUsage, 0, "use the file");
  EXPECT_EQ(Text(Reload), "error: cannot use the file");
}

TEST_F(ControllerTest, SetsAKeyAndSaysWhatItWas) {
  const auto set = [](const std::string& key, const std::string& value) {
    return [=](v1::Command& command) {
      command.mutable_set()->set_key(key);
      command.mutable_set()->set_value(value);
    };
  };
  EXPECT_EQ(Text(set("heartbeat", "5")), "heartbeat is 5, was 1");
  EXPECT_EQ(Text(set("heartbeat", "1")), "heartbeat is already 1");
  EXPECT_THAT(Text(set("wrong", "1")), AllOf(HasSubstr("error"), HasSubstr("those that can be")));
  EXPECT_THAT(done_, ElementsAre("set heartbeat 5", "set heartbeat 1", "set wrong 1"));
}

TEST_F(ControllerTest, RefusesACommandItDoesNotKnow) {
  const auto reply = controller_.Execute({});
  ASSERT_FALSE(reply.has_value());
  EXPECT_EQ(reply.error().code, Errc::kUsage);
  EXPECT_THAT(done_, IsEmpty());
}

}  // namespace
}  // namespace tlscope
