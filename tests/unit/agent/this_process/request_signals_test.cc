// SPDX-License-Identifier: Apache-2.0
#include "agent/this_process/request_signals.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <csignal>

namespace tlscope {
namespace {

// Signals go to this thread alone: another that had them unblocked would die of them.
class RequestSignalsTest : public ::testing::Test {
 protected:
  RequestSignalsTest() { pthread_sigmask(SIG_SETMASK, nullptr, &before_); }
  ~RequestSignalsTest() override { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

  static bool Ready(const RequestSignals& requests) {
    pollfd ready{requests.fd(), POLLIN, 0};
    return poll(&ready, 1, 0) == 1;
  }

  void Dispatch(const RequestSignals& requests) {
    requests.Dispatch({[this] { ++reloads_; }, [this] { ++statuses_; }});
  }

  int reloads_ = 0;
  int statuses_ = 0;

 private:
  sigset_t before_{};
};

TEST_F(RequestSignalsTest, CallsTheHandlerOfEachSignal) {
  const auto requests = RequestSignals::Open(true);
  ASSERT_TRUE(requests.has_value());
  EXPECT_FALSE(Ready(*requests));
  pthread_kill(pthread_self(), SIGUSR1);
  EXPECT_TRUE(Ready(*requests));
  Dispatch(*requests);
  EXPECT_EQ(statuses_, 1);
  EXPECT_EQ(reloads_, 0);
  pthread_kill(pthread_self(), SIGHUP);
  pthread_kill(pthread_self(), SIGUSR1);
  Dispatch(*requests);
  EXPECT_EQ(statuses_, 2);
  EXPECT_EQ(reloads_, 1);
  EXPECT_FALSE(Ready(*requests));
}

TEST_F(RequestSignalsTest, LeavesTheHangupAloneWhereThereIsNothingToReload) {
  const auto requests = RequestSignals::Open(false);
  ASSERT_TRUE(requests.has_value());
  sigset_t blocked;
  pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
  EXPECT_EQ(sigismember(&blocked, SIGHUP), 0);
  EXPECT_EQ(sigismember(&blocked, SIGUSR1), 1);
}

}  // namespace
}  // namespace tlscope
