// SPDX-License-Identifier: Apache-2.0
#include "processor/collector/collector.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "processor/collector/storage/file_storage.h"
#include "processor/formats/line_format.h"
#include "processor/wire/delimited.h"
#include "tests/unit/leave_out.h"
#include "tests/unit/processor/base/descriptor_limit.h"
#include "tests/unit/processor/base/scratch_folder.h"
#include "tlscope/v1/output.pb.h"

namespace tlscope {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

// Far more than anything here takes: only a failure waits for so long.
constexpr std::chrono::seconds kPatience{60};

/// An agent's end of a connection, which never blocks.
class FakeAgent {
 public:
  explicit FakeAgent(const std::string& path)
      : fd_(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)), input_(1 << 20) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    EXPECT_EQ(connect(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  }

  void Send(const v1::LogEntry& entry) {
    std::string bytes;
    AppendDelimited(entry, bytes);
    EXPECT_EQ(send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }
  void SayHello(std::uint64_t stream, bool plaintext = false) {
    v1::LogEntry entry;
    entry.mutable_hello()->mutable_agent()->set_host("h");
    entry.mutable_hello()->mutable_agent()->set_stream_id(stream);
    entry.mutable_hello()->set_next_sequence(1);
    entry.mutable_hello()->set_plaintext(plaintext);
    Send(entry);
  }
  void SendEvent(std::uint64_t sequence) {
    v1::LogEntry entry;
    entry.mutable_event_payload()->set_payload("x");
    entry.set_sequence(sequence);
    Send(entry);
  }
  void SendHeartbeat() {
    v1::LogEntry entry;
    entry.mutable_heartbeat_payload();
    Send(entry);
  }
  void EndWriting() { shutdown(fd_.get(), SHUT_WR); }

  /// What the collector says next, as far as it has come.
  std::optional<v1::CollectorMessage> Next() {
    std::array<char, 4096> bytes;
    for (ssize_t got = 0; (got = recv(fd_.get(), bytes.data(), bytes.size(), 0)) >= 0;) {
      input_.Append({bytes.data(), static_cast<std::size_t>(got)});
      closed_ = got == 0;
      if (closed_) break;
    }
    std::string_view message;
    if (input_.Next(message) != DelimitedReader::Status::kMessage) return {};
    v1::CollectorMessage parsed;
    EXPECT_TRUE(ParseMessage(message, parsed));
    return parsed;
  }
  /// After Next has found nothing.
  bool closed() const { return closed_; }

 private:
  UniqueFd fd_;
  DelimitedReader input_;
  bool closed_ = false;
};

/// A disk that is full for as long as there is one.
class FullStorage final : public Storage {
 public:
  std::string name() const override { return "full"; }
  std::optional<std::uint64_t> Prepare(std::size_t block_bytes) override { return block_bytes; }
  StoreOutcome Write(std::string_view) override { return StoreOutcome::kAgain; }
  StoreOutcome Keep(const StreamPositions&) override { return StoreOutcome::kAgain; }
  void Close() override {}
};

class CollectorTest : public ::testing::Test {
 protected:
  CollectorTest() {
    // None of these passes unless a test makes it short.
    limits_.hello_deadline = limits_.heartbeat = kPatience;
    limits_.linger = 1ms;
  }

  void Open() {
    FileStorageOptions storage;
    storage.pattern = folder_.path() + "/out.txt";
    storage.on_failure = [](const Error& error) { ADD_FAILURE() << error.Describe(); };
    StreamPositions positions;
    auto file = FileStorage::Open(std::move(storage), positions);
    ASSERT_TRUE(file) << file.error().Describe();
    OpenOver(std::move(*file));
  }

  void OpenOver(std::unique_ptr<Storage> storage) {
    std::vector<std::unique_ptr<CollectorOutput>> outputs;
    outputs.push_back(std::make_unique<CollectorOutput>(std::make_shared<LineFormat>(0), kind_,
                                                        std::move(storage), StreamPositions()));
    store_ = std::make_unique<EntryStore>(std::move(outputs));
    CollectorOptions options;
    options.listen.push_back(*ListenTarget::Parse("unix://" + path()));
    options.limits = limits_;
    options.version = "1.2";
    options.on_notice = [this](const std::string& text) { notices_.push_back(text); };
    auto collector = Collector::Open(io_, *store_, std::move(options), [] {});
    ASSERT_TRUE(collector) << collector.error().Describe();
    collector_ = std::move(*collector);
  }

  std::string path() const { return folder_.path() + "/socket"; }

  bool RunUntil(const std::function<bool()>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (!condition()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      io_.run_one_for(10ms);
    }
    return true;
  }

  v1::CollectorMessage Receive(FakeAgent& agent) {
    std::optional<v1::CollectorMessage> message;
    EXPECT_TRUE(RunUntil([&] { return (message = agent.Next()) || agent.closed(); }));
    return message.value_or(v1::CollectorMessage());
  }

  std::uint64_t refused(RefusalCause cause) const {
    return collector_->stats().refused[static_cast<std::size_t>(cause)];
  }

  const testing::ScratchFolder folder_;
  boost::asio::io_context io_;
  CollectorLimits limits_;
  FormatKind kind_ = FormatKind::kLine;
  std::unique_ptr<EntryStore> store_;
  std::unique_ptr<Collector> collector_;
  std::vector<std::string> notices_;
};

TEST_F(CollectorTest, WelcomesAndAcknowledges) {
  Open();
  FakeAgent agent(path());
  agent.SayHello(1);
  const v1::CollectorMessage welcome = Receive(agent);
  EXPECT_EQ(welcome.welcome().version(), "1.2");
  EXPECT_EQ(welcome.welcome().stored_sequence(), 0U);
  EXPECT_EQ(welcome.welcome().max_entry_bytes(), limits_.message_bytes);
  agent.SendEvent(1);
  EXPECT_EQ(Receive(agent).acknowledged().stored_sequence(), 1U);
}

TEST_F(CollectorTest, AcknowledgesWhatAnAgentSaidLast) {
  Open();
  FakeAgent agent(path());
  agent.SayHello(1);
  agent.SendEvent(1);
  agent.SendEvent(2);
  agent.EndWriting();
  EXPECT_TRUE(Receive(agent).has_welcome());
  EXPECT_EQ(Receive(agent).acknowledged().stored_sequence(), 2U);
  EXPECT_TRUE(RunUntil([&] { return !agent.Next() && agent.closed(); }));
}

TEST_F(CollectorTest, WelcomesANewAgentWhileNothingCanBeStored) {
  OpenOver(std::make_unique<FullStorage>());
  FakeAgent first(path());
  first.SayHello(1);
  first.SendEvent(1);
  EXPECT_TRUE(Receive(first).has_welcome());
  EXPECT_TRUE(RunUntil([&] { return store_->full(); }));
  FakeAgent second(path());
  second.SayHello(2);
  second.SendEvent(1);
  EXPECT_TRUE(Receive(second).has_welcome());
}

// UBSan, which comes with ASan here, looks at the type of an object through a pipe, for which there
// is no descriptor in this test.
#ifndef TLSCOPE_UNDER_ASAN
TEST_F(CollectorTest, TellsWhyNoAgentComesAndTakesThemOnceThereAreDescriptors) {
  Open();
  // The socket of the agent takes the last number that is free.
  std::optional<testing::DescriptorLimit> one_more(std::in_place);
  FakeAgent agent(path());
  agent.SayHello(1);
  const bool told = RunUntil([&] { return !notices_.empty(); });
  one_more.reset();
  EXPECT_TRUE(told);
  EXPECT_TRUE(Receive(agent).has_welcome());
  ASSERT_EQ(notices_.size(), 1U);
  EXPECT_THAT(notices_[0], HasSubstr("Too many open files; raise the limit of open files"));
}
#endif

TEST_F(CollectorTest, SaysThatItIsThere) {
  limits_.heartbeat = 20ms;
  limits_.missed_heartbeats = 10'000;
  Open();
  FakeAgent agent(path());
  agent.SayHello(1);
  EXPECT_TRUE(Receive(agent).has_welcome());
  EXPECT_EQ(Receive(agent).heartbeat().beat(), 1U);
  EXPECT_EQ(Receive(agent).heartbeat().beat(), 2U);
}

TEST_F(CollectorTest, WaitsForAHelloOnlySoLong) {
  limits_.hello_deadline = 20ms;
  Open();
  FakeAgent agent(path());
  EXPECT_THAT(Receive(agent).refused(), HasSubstr("no Hello came in time"));
  EXPECT_TRUE(RunUntil([&] { return !agent.Next() && agent.closed(); }));
  EXPECT_EQ(refused(RefusalCause::kNoHello), 1U);
}

TEST_F(CollectorTest, AnAgentThatIsSilentForTooLongIsGone) {
  limits_.heartbeat = 20ms;
  Open();
  FakeAgent agent(path());
  agent.SayHello(1);
  v1::CollectorMessage last;
  EXPECT_TRUE(RunUntil([&] {
    if (auto message = agent.Next()) last = *message;
    return agent.closed();
  }));
  EXPECT_THAT(last.refused(), HasSubstr("3 heartbeats"));
  EXPECT_EQ(refused(RefusalCause::kSilent), 1U);
}

TEST_F(CollectorTest, ANewerConnectionReplacesTheOldOneOfAStream) {
  Open();
  FakeAgent old(path());
  old.SayHello(1);
  EXPECT_TRUE(Receive(old).has_welcome());
  FakeAgent other(path());
  other.SayHello(2);
  EXPECT_TRUE(Receive(other).has_welcome());
  FakeAgent newer(path());
  newer.SayHello(1);
  EXPECT_TRUE(Receive(newer).has_welcome());
  EXPECT_THAT(Receive(old).refused(), HasSubstr("another connection"));
  newer.SendEvent(1);
  EXPECT_EQ(Receive(newer).acknowledged().stored_sequence(), 1U);
  other.SendEvent(1);
  EXPECT_EQ(Receive(other).acknowledged().stored_sequence(), 1U);
}

TEST_F(CollectorTest, SaysOnceWhichAgentHasNoPlaintextForPcapng) {
  kind_ = FormatKind::kPcapng;
  Open();
  for (int i = 0; i < 2; ++i) {
    FakeAgent agent(path());
    agent.SayHello(1);
    EXPECT_TRUE(Receive(agent).has_welcome());
  }
  FakeAgent with(path());
  with.SayHello(2, true);
  EXPECT_TRUE(Receive(with).has_welcome());
  ASSERT_EQ(notices_.size(), 1U);
  EXPECT_THAT(notices_[0], HasSubstr("--plaintext"));
}

TEST_F(CollectorTest, StoresAndAcknowledgesWhatItHasBeforeItEnds) {
  limits_.linger = kPatience;
  Open();
  FakeAgent agent(path());
  agent.SayHello(1);
  agent.SendEvent(1);
  EXPECT_TRUE(Receive(agent).has_welcome());
  EXPECT_TRUE(RunUntil([&] { return store_->pending(); }));
  bool closed = false;
  collector_->Close(kPatience, [&] { closed = true; });
  EXPECT_EQ(Receive(agent).acknowledged().stored_sequence(), 1U);
  EXPECT_TRUE(RunUntil([&] { return !agent.Next() && agent.closed(); }));
  agent.EndWriting();
  EXPECT_TRUE(RunUntil([&] { return closed; }));
}

}  // namespace
}  // namespace tlscope
