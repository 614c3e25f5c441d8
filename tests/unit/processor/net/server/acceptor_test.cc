// SPDX-License-Identifier: Apache-2.0
#include "processor/net/server/acceptor.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <boost/asio/local/stream_protocol.hpp>
#include <chrono>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "processor/base/unique_fd.h"
#include "processor/net/server/unix_listener.h"
#include "tests/unit/await.h"
#include "tests/unit/leave_out.h"
#include "tests/unit/processor/base/descriptor_limit.h"
#include "tests/unit/processor/base/scratch_folder.h"

namespace tlscope {
namespace {

using namespace std::chrono_literals;
using Protocol = boost::asio::local::stream_protocol;
using UnixAcceptor = Acceptor<Protocol>;

class AcceptorTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto listener = UnixListener::Open({.path = folder_.path() + "/socket"});
    ASSERT_TRUE(listener) << listener.error().Describe();
    listener_.emplace(std::move(*listener));
  }

  void Open(std::chrono::milliseconds pause = 1ms) {
    UnixAcceptor::Handlers handlers;
    handlers.on_connection = [this](Protocol::socket socket) {
      accepted_.push_back(std::move(socket));
      if (on_accepted_) on_accepted_();
    };
    handlers.on_failure = [this](const boost::system::error_code& error) {
      failures_.push_back(error.value());
      if (on_failure_) on_failure_();
    };
    auto acceptor =
        UnixAcceptor::Open(io_, listener_->fd(), Protocol(), std::move(handlers), pause);
    ASSERT_TRUE(acceptor) << acceptor.error().Describe();
    acceptor_ = std::move(*acceptor);
  }

  UniqueFd Connect() const {
    UniqueFd made(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, listener_->path().data(), listener_->path().size());
    EXPECT_EQ(connect(made.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    return made;
  }

  template <class Condition>
  void RunUntil(const std::string& what, const Condition& condition) {
    AwaitFor(what, [&] {
      io_.restart();
      io_.poll();
      return condition();
    });
  }

  const testing::ScratchFolder folder_;
  boost::asio::io_context io_;
  std::optional<UnixListener> listener_;
  std::vector<Protocol::socket> accepted_;
  std::vector<int> failures_;
  std::function<void()> on_accepted_;
  std::function<void()> on_failure_;
  std::unique_ptr<UnixAcceptor> acceptor_;
};

TEST_F(AcceptorTest, AcceptsOneConnectionAfterAnother) {
  Open();
  const UniqueFd first = Connect();
  const UniqueFd second = Connect();
  RunUntil("two connections", [&] { return accepted_.size() == 2; });
  EXPECT_TRUE(failures_.empty());
}

TEST_F(AcceptorTest, LetsNoProgramInheritAConnection) {
  Open();
  const UniqueFd client = Connect();
  RunUntil("a connection", [&] { return !accepted_.empty(); });
  EXPECT_EQ(fcntl(accepted_[0].native_handle(), F_GETFD), FD_CLOEXEC);
}

TEST_F(AcceptorTest, LeavesTheListeningSocketToItsOwner) {
  Open();
  acceptor_.reset();
  Open();
  const UniqueFd client = Connect();
  RunUntil("a connection", [&] { return !accepted_.empty(); });
}

TEST_F(AcceptorTest, AcceptsNothingMoreOnceItIsGone) {
  Open();
  acceptor_.reset();
  const UniqueFd client = Connect();
  io_.run();
  EXPECT_TRUE(accepted_.empty());
  EXPECT_TRUE(failures_.empty());
}

TEST_F(AcceptorTest, MayEndInItsOwnHandler) {
  Open();
  on_accepted_ = [this] { acceptor_.reset(); };
  const UniqueFd first = Connect();
  const UniqueFd second = Connect();
  io_.run();  // returns, as nothing is under way any more
  EXPECT_EQ(accepted_.size(), 1U);
}

// UBSan, which comes with ASan here, looks at the type of an object through a pipe, for which there
// is no descriptor in these tests.
#ifndef TLSCOPE_UNDER_ASAN
TEST_F(AcceptorTest, FailsWhereThereIsNoDescriptorForIt) {
  const testing::DescriptorLimit one_more;
  const UniqueFd last(fcntl(0, F_DUPFD_CLOEXEC, 0));
  ASSERT_TRUE(last);
  const auto acceptor = UnixAcceptor::Open(io_, listener_->fd(), Protocol(), {});
  ASSERT_FALSE(acceptor);
  EXPECT_EQ(acceptor.error().error_number, EMFILE);
}

TEST_F(AcceptorTest, TriesAgainUntilThereAreDescriptors) {
  Open();
  std::optional<testing::DescriptorLimit> one_more(std::in_place);
  const UniqueFd client = Connect();  // takes it
  RunUntil("two tries", [&] { return failures_.size() >= 2; });
  EXPECT_EQ(failures_[0], EMFILE);
  EXPECT_TRUE(accepted_.empty());
  one_more.reset();
  RunUntil("the connection that waits", [&] { return !accepted_.empty(); });
}

TEST_F(AcceptorTest, TriesNoMoreOnceItEndedOverAFailure) {
  Open();
  on_failure_ = [this] { acceptor_.reset(); };
  const testing::DescriptorLimit one_more;
  const UniqueFd client = Connect();
  io_.run();
  EXPECT_EQ(failures_.size(), 1U);
}

TEST_F(AcceptorTest, EndsWhileItPauses) {
  Open(1h);
  const testing::DescriptorLimit one_more;
  const UniqueFd client = Connect();
  RunUntil("a failure", [&] { return !failures_.empty(); });
  acceptor_.reset();
  io_.restart();
  io_.run();
  EXPECT_EQ(failures_.size(), 1U);
}
#endif

}  // namespace
}  // namespace tlscope
