// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <cstring>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "processor/ipc/broker.h"
#include "processor/ipc/client.h"
#include "processor/ipc/command.h"
#include "tests/unit/processor/base/scratch_folder.h"

namespace tlscope::testing {

using namespace std::chrono_literals;

/// Far more than anything here takes: only a failure waits for so long.
inline constexpr std::chrono::milliseconds kPatience = 60s;

/// A broker in a folder of its own, on a thread of its own.
class BrokerFixture : public ::testing::Test {
 protected:
  ~BrokerFixture() override { Stop(); }

  void Open(BrokerOptions options = {}, std::size_t ring_bytes = std::size_t{1} << 20) {
    bus_ = std::make_unique<EventBus>(EventBusOptions{.ring_bytes = ring_bytes});
    publisher_ = &bus_->MakePublisher();
    options.instance = instance();
    const CommandHandler on_command = [](const v1::Command& command,
                                         const Peer& peer) -> Result<v1::Reply> {
      v1::Reply reply;
      reply.set_text(std::string(CommandName(command)) + " by " + std::to_string(peer.pid) +
                     std::string(command.set().value().size(), '.'));
      return reply;
    };
    auto opened = Broker::Open(io_, *bus_, std::move(options), on_command);
    ASSERT_TRUE(opened) << opened.error().Describe();
    broker_ = std::move(*opened);
    thread_ = std::jthread([this] { io_.run(); });
  }

  void Stop() {
    io_.stop();
    if (thread_.joinable()) thread_.join();
    broker_.reset();
  }

  Instance instance() const { return {scratch_.path(), "default"}; }

  IpcClient Connect() {
    auto client = IpcClient::Connect({.instance = instance(), .deadline = kPatience});
    EXPECT_TRUE(client) << client.error().Describe();
    return std::move(client.value());
  }

  static void Subscribe(IpcClient& client, const std::string& topic, std::uint64_t id = 1) {
    v1::Subscribe wish;
    wish.add_topics(topic);
    const Result<void> done = client.Subscribe(id, wish);
    EXPECT_TRUE(done) << done.error().Describe();
  }

  /// A connection that says what it likes.
  UniqueFd ConnectRaw() const {
    UniqueFd made(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string path = SocketPath(instance()).value();
    std::memcpy(address.sun_path, path.data(), path.size());
    EXPECT_EQ(connect(made.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    return made;
  }

  static void Send(const UniqueFd& socket, std::string_view bytes) {
    EXPECT_EQ(send(socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }

  /// Everything that is said until the connection is closed.
  static std::vector<v1::ServerMessage> ReadToEnd(const UniqueFd& socket) {
    DelimitedReader reader(1 << 20);
    std::vector<v1::ServerMessage> messages;
    for (;;) {
      const std::span<char> room = reader.Prepare(4096);
      const ssize_t bytes = recv(socket.get(), room.data(), room.size(), 0);
      if (bytes <= 0) return messages;
      reader.Commit(static_cast<std::size_t>(bytes));
      std::string_view message;
      while (reader.Next(message) == DelimitedReader::Status::kMessage) {
        EXPECT_TRUE(messages.emplace_back().ParseFromArray(message.data(),
                                                           static_cast<int>(message.size())));
      }
    }
  }

  /// On the broker's thread.
  template <class Task>
  auto OnBroker(Task task) {
    std::packaged_task<decltype(task())()> packaged(std::move(task));
    auto result = packaged.get_future();
    boost::asio::post(io_, [&packaged] { packaged(); });
    return result.get();
  }

  BrokerStats Stats() {
    return OnBroker([this] { return broker_->stats(); });
  }

  void Warn(std::string_view text) {
    publisher_->Publish(Topic::kHealthDiagnostics, EventMeta{1, {}}, WarningEvent{text});
  }

  ScratchFolder scratch_;
  std::unique_ptr<EventBus> bus_;
  BusPublisher* publisher_ = nullptr;  // of the test's thread
  boost::asio::io_context io_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{
      io_.get_executor()};
  std::unique_ptr<Broker> broker_;
  std::jthread thread_;
};

}  // namespace tlscope::testing
