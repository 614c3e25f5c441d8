// SPDX-License-Identifier: Apache-2.0
#include "agent/client/client_commands.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "agent/command_line.h"
#include "tests/unit/await.h"
#include "tests/unit/processor/ipc/broker_fixture.h"

namespace tlscope {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

/// A command in a process of its own. Forked while there is but one thread, so before the broker;
/// begins when it is told to.
class Child {
 public:
  explicit Child(std::vector<std::string> arguments) {
    EXPECT_EQ(pipe2(go_.data(), O_CLOEXEC), 0);
    EXPECT_EQ(pipe2(out_.data(), O_CLOEXEC), 0);
    EXPECT_EQ(pipe2(err_.data(), O_CLOEXEC), 0);
    std::fflush(nullptr);  // or the child writes what is buffered once more
    pid_ = fork();
    if (pid_ != 0) {
      for (const int fd : {go_[0], out_[1], err_[1]}) close(fd);
      return;
    }
    dup2(out_[1], STDOUT_FILENO);
    dup2(err_[1], STDERR_FILENO);
    for (const int fd : {go_[1], out_[0], out_[1], err_[0], err_[1]}) close(fd);
    char begin = 0;
    if (read(go_[0], &begin, 1) != 1) _exit(99);
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    _exit(RunCommandLine(static_cast<int>(argv.size()), argv.data()));
  }
  ~Child() {
    if (pid_ > 0) {
      kill(pid_, SIGKILL);
      Wait();
    }
    for (const int fd : {go_[1], out_[0], err_[0]}) close(fd);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  void Go() const { EXPECT_EQ(write(go_[1], "g", 1), 1); }
  void Signal(int number) const { kill(pid_, number); }
  void CloseOutput() {
    close(out_[0]);
    out_[0] = -1;
  }

  /// The next line on standard output or standard error, without its end.
  std::string Line() { return ReadLine(out_[0]); }
  std::string ErrorLine() { return ReadLine(err_[0]); }
  std::string RestOfErrors() { return ReadRest(err_[0]); }
  std::string Rest() { return ReadRest(out_[0]); }

  /// Its exit status; -1 when a signal ended it.
  int Wait() {
    int status = 0;
    EXPECT_EQ(waitpid(pid_, &status, 0), pid_);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

 private:
  static bool Read(int fd, char& byte) {
    pollfd ready{fd, POLLIN, 0};
    if (poll(&ready, 1, static_cast<int>(testing::kPatience.count())) <= 0) return false;
    return read(fd, &byte, 1) == 1;
  }
  static std::string ReadLine(int fd) {
    std::string line;
    for (char byte = 0; Read(fd, byte) && byte != '\n';) line.push_back(byte);
    return line;
  }
  static std::string ReadRest(int fd) {
    std::string rest;
    for (char byte = 0; Read(fd, byte);) rest.push_back(byte);
    return rest;
  }

  std::array<int, 2> go_{};
  std::array<int, 2> out_{};
  std::array<int, 2> err_{};
  pid_t pid_ = -1;
};

class ClientCommandsTest : public testing::BrokerFixture {
 protected:
  /// 8 MB: the bus, the broker's queue (BrokerLimits), the socket, the client and a pipe hold less
  /// than 3 MB together.
  void WarnMoreThanIsHeld() {
    const std::string text(4000, 'x');
    for (int i = 0; i < 2000; ++i) Warn(text);
  }

  std::vector<std::string> Command(std::vector<std::string> words) const {
    words.insert(words.begin(), "tlscope");
    words.insert(words.end(), {"--runtime-dir", scratch_.path()});
    return words;
  }

  void AwaitSubscription() {
    AwaitFor("a subscription", [&] { return Stats().subscriptions != 0; });
  }
};

TEST_F(ClientCommandsTest, PrintsTheHistoryAndWhatFollowsAsJson) {
  Child child(Command(
      {"subscribe", "control.health.#", "--history", "2", "--format", "json", "--count", "3"}));
  Open();
  for (const char* text : {"a", "b", "c"}) Warn(text);
  child.Go();
  AwaitSubscription();
  Warn("d");
  for (const char* text : {"b", "c", "d"}) {
    EXPECT_THAT(child.Line(), AllOf(StartsWith("{\"time\":\"1970-01-01T00:00:00.000000Z\""),
                                    HasSubstr(R"("kind":"WARNING_ISSUED")"),
                                    HasSubstr(R"("text":")" + std::string(text) + '"')));
  }
  EXPECT_EQ(child.Rest(), "");
  EXPECT_EQ(child.RestOfErrors(), "");
  EXPECT_EQ(child.Wait(), kExitOk);
}

TEST_F(ClientCommandsTest, PrintsMessagesAsCaptureDoesAndTheRestAsLines) {
  Child child(Command({"subscribe", "events.#", "control.health.#", "--count", "2"}));
  Open();
  child.Go();
  AwaitSubscription();
  ConnectionInfo connection;
  connection.pid = 42;
  connection.comm = "curl";
  Message message;
  message.parser = ParserType::kHttp1Request;
  message.head = "GET / HTTP/1.1\r\n\r\n";
  message.first_ktime_ns = 1'000'000'000;
  publisher_->Publish(Topic::kHttpRequest, EventMeta{1'000'000'000, {}},
                      MessageEvent{connection, DataType::kWrite, "42_42_curl_3_1", message});
  Warn("late, and slow");
  EXPECT_THAT(child.Line(),
              StartsWith("PID:42, Comm:curl, Src:unknown, Dest:unknown, "
                         "Time:1970-01-01T00:00:01.000000Z, UUID:42_42_curl_3_1, Name:"));
  EXPECT_EQ(child.Line(), "GET / HTTP/1.1\r");
  EXPECT_EQ(child.Line(), "\r");
  EXPECT_EQ(child.Line(), "");
  EXPECT_EQ(child.Line(),
            "Time:1970-01-01T00:00:00.000000Z, Topic:control.health.diagnostics, "
            "Kind:WarningIssued, Text:late\\x2c and slow");
  EXPECT_EQ(child.Wait(), kExitOk);
}

TEST_F(ClientCommandsTest, PrintsOnlyWhatIsAskedFor) {
  Child child(Command({"subscribe", "control.health.#", "--kind", "warning_issued", "--kind",
                       "Heartbeat", "--tag", "env=test", "--since", "@1", "--format", "json"}));
  Open();
  child.Go();
  AwaitSubscription();
  Warn("neither tag nor time");
  child.Signal(SIGTERM);
  EXPECT_EQ(child.Rest(), "");
  EXPECT_EQ(child.Wait(), kExitOk);
}

TEST_F(ClientCommandsTest, EndsAfterTheHistoryWhenItsTimeIsOver) {
  Child child(Command({"subscribe", "control.health.#", "--history", "10", "--until", "-1s"}));
  Open();
  Warn("old");
  child.Go();
  EXPECT_THAT(child.Line(), HasSubstr("Text:old"));
  EXPECT_EQ(child.Rest(), "");
  EXPECT_EQ(child.Wait(), kExitOk);
}

TEST_F(ClientCommandsTest, EndsWithASignalOrWithoutAReader) {
  Child interrupted(Command({"subscribe", "control.health.#"}));
  Child unread(Command({"subscribe", "control.health.#"}));
  Open();
  interrupted.Go();
  AwaitSubscription();
  interrupted.Signal(SIGINT);
  EXPECT_EQ(interrupted.Wait(), kExitOk);
  AwaitFor("the end of the subscription", [&] { return Stats().subscriptions == 0; });
  unread.Go();
  AwaitSubscription();
  unread.CloseOutput();
  Warn("for nobody");
  EXPECT_EQ(unread.RestOfErrors(), "");
  EXPECT_EQ(unread.Wait(), kExitOk);
}

TEST_F(ClientCommandsTest, EndsWithASignalThoughNobodyReadsItsOutput) {
  Child child(Command({"subscribe", "control.health.#"}));
  Open();
  child.Go();
  AwaitSubscription();
  WarnMoreThanIsHeld();
  child.Signal(SIGTERM);
  EXPECT_EQ(child.Wait(), kExitOk);
}

TEST_F(ClientCommandsTest, SaysWhatItMissed) {
  Child child(Command({"subscribe", "control.health.#"}));
  Open();
  child.Go();
  AwaitSubscription();
  WarnMoreThanIsHeld();
  std::string line;
  do {
    line = child.Line();
  } while (!line.empty() && !line.starts_with("Name:EventsMissed, Events:"));
  EXPECT_THAT(line, StartsWith("Name:EventsMissed, Events:"));
  EXPECT_THAT(child.ErrorLine(), HasSubstr("events were missed"));
}

TEST_F(ClientCommandsTest, WaitsForAnAgentThatIsStartedAgain) {
  Child child(Command({"subscribe", "control.health.#", "--format", "json"}));
  Open();
  child.Go();
  AwaitSubscription();
  Warn("first");
  EXPECT_THAT(child.Line(), HasSubstr("first"));
  Stop();
  EXPECT_THAT(child.ErrorLine(), HasSubstr("the agent 'default' has gone"));
  io_.restart();
  Open();
  AwaitSubscription();
  EXPECT_THAT(child.ErrorLine(), HasSubstr("the agent 'default' is back"));
  // What the new agent had said before the old one had gone would be no news.
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  publisher_->Publish(
      Topic::kHealthDiagnostics,
      EventMeta{static_cast<std::uint64_t>(std::chrono::nanoseconds(now).count()), {}},
      WarningEvent{"second"});
  EXPECT_THAT(child.Line(), HasSubstr("second"));
  child.Signal(SIGTERM);
  EXPECT_EQ(child.RestOfErrors(), "");
  EXPECT_EQ(child.Wait(), kExitOk);
}

TEST_F(ClientCommandsTest, EndsWithTheAgentWhenToldSo) {
  Child child(Command({"subscribe", "control.health.#", "--no-reconnect"}));
  Open();
  child.Go();
  AwaitSubscription();
  Stop();
  EXPECT_THAT(child.RestOfErrors(), HasSubstr("has ended"));
  EXPECT_EQ(child.Wait(), kExitOk);
}

TEST_F(ClientCommandsTest, SaysInItsExitStatusWhatWentWrong) {
  Child nobody(Command({"subscribe", "control.health.#", "--instance", "nobody"}));
  Child unknown(Command({"subscribe", "events.nothing"}));
  Child no_topic(Command({"subscribe"}));
  Child no_kind(Command({"subscribe", "#", "--kind", "surprise"}));
  Child no_time(Command({"subscribe", "#", "--since", "yesterday"}));
  Child no_command(Command({"ctl", "dance"}));
  Open();
  for (Child* const child : {&nobody, &unknown, &no_topic, &no_kind, &no_time, &no_command}) {
    child->Go();
  }
  EXPECT_THAT(nobody.RestOfErrors(), HasSubstr("start one with 'tlscope capture'"));
  EXPECT_EQ(nobody.Wait(), kExitFailure);
  EXPECT_THAT(unknown.RestOfErrors(), HasSubstr("there is no topic 'events.nothing'"));
  EXPECT_EQ(unknown.Wait(), kExitUsage);
  EXPECT_EQ(no_topic.Wait(), kExitUsage);
  EXPECT_THAT(no_kind.RestOfErrors(), HasSubstr("MessageDecoded"));
  EXPECT_EQ(no_kind.Wait(), kExitUsage);
  EXPECT_THAT(no_time.RestOfErrors(), HasSubstr("invalid time 'yesterday'"));
  EXPECT_EQ(no_time.Wait(), kExitUsage);
  EXPECT_EQ(no_command.Wait(), kExitUsage);
}

TEST_F(ClientCommandsTest, CommandsTheAgent) {
  Child pause(Command({"ctl", "pause"}));
  Child set(Command({"ctl", "set", "max-body", "-1", "--json"}));
  Open();
  pause.Go();
  EXPECT_THAT(pause.Rest(), AllOf(StartsWith("pause by "), Not(HasSubstr("{"))));
  EXPECT_EQ(pause.Wait(), kExitOk);
  set.Go();
  EXPECT_THAT(set.Rest(), StartsWith(R"({"text":"set by )"));
  EXPECT_EQ(set.Wait(), kExitOk);
}

}  // namespace
}  // namespace tlscope
