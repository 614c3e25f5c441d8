// SPDX-License-Identifier: Apache-2.0
#include "parsers/connection/exchange_queue.h"

#include <gtest/gtest.h>

namespace tlscope::http1 {
namespace {

std::uint64_t Ask(ExchangeQueue& queue) { return queue.OnRequest(MethodKind::kOther, false); }

std::uint64_t Answer(ExchangeQueue& queue) {
  const std::uint64_t exchange = queue.Next().exchange;
  queue.OnFinalResponse();
  queue.OnFinalResponseEnd();
  return exchange;
}

TEST(ExchangeQueueTest, PairsInOrder) {
  ExchangeQueue queue;
  EXPECT_EQ(Ask(queue), 1U);
  EXPECT_EQ(queue.OnRequest(MethodKind::kHead, true), 2U);
  EXPECT_EQ(queue.pending(), 2U);
  EXPECT_EQ(Answer(queue), 1U);
  EXPECT_EQ(queue.Next().method, MethodKind::kHead);
  EXPECT_TRUE(queue.Next().upgrade_asked);
  EXPECT_EQ(Answer(queue), 2U);
  EXPECT_EQ(queue.pending(), 0U);
}

TEST(ExchangeQueueTest, AResponseWithNoRequestIsUnpairedAndNotToHead) {
  ExchangeQueue queue;
  EXPECT_FALSE(queue.Next().known());
  EXPECT_EQ(queue.Next().method, MethodKind::kOther);
  EXPECT_EQ(Answer(queue), 0U);
  EXPECT_EQ(Ask(queue), 1U);
  EXPECT_EQ(Answer(queue), 1U);
}

TEST(ExchangeQueueTest, RequestsBeforeARequestLossKeepTheirResponses) {
  ExchangeQueue queue;
  Ask(queue);
  queue.OnRequestLoss();
  EXPECT_EQ(Answer(queue), 1U);
}

TEST(ExchangeQueueTest, ARequestBehindALostOneIsUnpairedUntilTheLostOneWasAnswered) {
  ExchangeQueue queue;
  Ask(queue);
  queue.OnRequestLoss();
  EXPECT_EQ(Ask(queue), 0U);
  EXPECT_EQ(Answer(queue), 1U);
  EXPECT_EQ(Answer(queue), 0U);
}

TEST(ExchangeQueueTest, ResumesAfterARequestLossOnceItsResponseHasEnded) {
  ExchangeQueue queue;
  queue.OnRequestLoss();
  EXPECT_EQ(Answer(queue), 0U);
  EXPECT_EQ(Ask(queue), 1U);
  EXPECT_EQ(Answer(queue), 1U);
}

TEST(ExchangeQueueTest, ResumesAfterARequestLossThatIsNoticedAfterItsResponse) {
  ExchangeQueue queue;
  Ask(queue);
  Answer(queue);
  Answer(queue);
  queue.OnRequestLoss();
  EXPECT_EQ(Ask(queue), 2U);
  EXPECT_EQ(Answer(queue), 2U);
}

TEST(ExchangeQueueTest, DoesNotResumeWhileAResponseIsUnderWay) {
  ExchangeQueue queue;
  queue.OnRequestLoss();
  queue.OnFinalResponse();
  EXPECT_EQ(Ask(queue), 0U);
  queue.OnFinalResponseEnd();
  EXPECT_EQ(Answer(queue), 0U);
  EXPECT_EQ(Ask(queue), 2U);
  EXPECT_EQ(Answer(queue), 2U);
}

TEST(ExchangeQueueTest, AResponseLossAbandonsTheRequestsInFlightAndThenResumes) {
  ExchangeQueue queue;
  Ask(queue);
  Ask(queue);
  queue.OnResponseLoss();
  EXPECT_EQ(queue.pending(), 0U);
  EXPECT_EQ(Answer(queue), 0U);
  EXPECT_EQ(Ask(queue), 3U);
  EXPECT_EQ(Answer(queue), 3U);
}

TEST(ExchangeQueueTest, DoesNotResumeWhereRequestsWerePipelined) {
  ExchangeQueue queue;
  Ask(queue);
  Ask(queue);
  EXPECT_EQ(Answer(queue), 1U);
  EXPECT_EQ(Answer(queue), 2U);
  queue.OnResponseLoss();
  EXPECT_EQ(Answer(queue), 0U);
  EXPECT_EQ(Ask(queue), 0U);
}

TEST(ExchangeQueueTest, ForgetsTheOldestOfTooManyAndStaysInStep) {
  ExchangeQueue queue;
  for (std::size_t i = 0; i < ExchangeQueue::kMaxPending + 2; ++i) Ask(queue);
  EXPECT_EQ(queue.pending(), ExchangeQueue::kMaxPending);
  EXPECT_EQ(Answer(queue), 0U);
  EXPECT_EQ(Answer(queue), 0U);
  for (std::uint64_t i = 3; i <= ExchangeQueue::kMaxPending + 2; ++i) {
    EXPECT_EQ(Answer(queue), i);
  }
  EXPECT_EQ(queue.pending(), 0U);
}

TEST(ExchangeQueueTest, RemembersWhatTheConnectionBecame) {
  ExchangeQueue queue;
  EXPECT_FALSE(queue.upgraded());
  queue.OnUpgrade(UpgradeKind::kSwitched, std::string(1000, 'x'));
  EXPECT_TRUE(queue.upgraded());
  EXPECT_EQ(queue.upgrade(), UpgradeKind::kSwitched);
  EXPECT_EQ(queue.upgrade_token(), std::string(256, 'x'));
}

}  // namespace
}  // namespace tlscope::http1
