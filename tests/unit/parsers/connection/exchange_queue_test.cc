// SPDX-License-Identifier: Apache-2.0
#include "parsers/connection/exchange_queue.h"

#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <string_view>

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

/// A row: what happens on a connection, and the exchange of each request and response.
struct Story {
  /// q a request, r a final response, e its end; Q bytes of requests are lost, R of responses.
  std::string_view events;
  std::string_view exchanges;  ///< a digit for each q and r; 0: unpaired
};

void PrintTo(const Story& story, std::ostream* out) { *out << story.events; }

std::string Play(std::string_view events) {
  ExchangeQueue queue;
  std::string exchanges;
  for (const char event : events) {
    switch (event) {
      case 'q':
        exchanges += std::to_string(Ask(queue));
        break;
      case 'r':
        exchanges += std::to_string(queue.Next().exchange);
        queue.OnFinalResponse();
        break;
      case 'e':
        queue.OnFinalResponseEnd();
        break;
      case 'Q':
        queue.OnRequestLoss();
        break;
      case 'R':
        queue.OnResponseLoss();
        break;
    }
  }
  return exchanges;
}

class TrustTest : public testing::TestWithParam<Story> {};

TEST_P(TrustTest, PairsWhatIsSureAndNothingElse) {
  EXPECT_EQ(Play(GetParam().events), GetParam().exchanges);
}

// One for each cell of the table in the header, and more events that tell where it leads.
INSTANTIATE_TEST_SUITE_P(Sure, TrustTest,
                         testing::Values(Story{"qreqre", "1122"}, Story{"Qq", "0"},
                                         Story{"qQreqreq", "11003"}, Story{"reQq", "01"},
                                         Story{"qRq", "10"}, Story{"qRreq", "102"},
                                         Story{"Rq", "1"}, Story{"RQq", "0"}));
INSTANTIATE_TEST_SUITE_P(StrayWhileSure, TrustTest,
                         testing::Values(Story{"reqre", "011"}, Story{"rQq", "00"},
                                         Story{"rRq", "00"}, Story{"reqreQq", "0110"},
                                         Story{"reQqre", "011"}, Story{"rereQq", "001"},
                                         Story{"reRq", "01"}, Story{"reRQq", "01"}));
INSTANTIATE_TEST_SUITE_P(Owed, TrustTest,
                         testing::Values(Story{"Qqq", "00"}, Story{"Qqreq", "002"},
                                         Story{"QQq", "0"}, Story{"QQreq", "01"},
                                         Story{"Qreq", "01"}, Story{"Qrq", "00"},
                                         Story{"QreQq", "01"}, Story{"QRq", "0"},
                                         Story{"QRreq", "01"}, Story{"qQRreq", "102"}));
INSTANTIATE_TEST_SUITE_P(Settled, TrustTest,
                         testing::Values(Story{"Rqre", "11"}, Story{"qrRq", "110"},
                                         Story{"qrReq", "112"}, Story{"qrRqreq", "11003"},
                                         Story{"RQq", "0"}, Story{"RreQq", "01"}, Story{"RRq", "1"},
                                         Story{"RRQq", "0"}));
INSTANTIATE_TEST_SUITE_P(StrayWhileSettled, TrustTest,
                         testing::Values(Story{"Qreqre", "011"}, Story{"Qrqeq", "000"},
                                         Story{"Qrqereq", "0002"}, Story{"QreQQq", "01"},
                                         Story{"QrereQq", "001"}, Story{"QreRq", "01"},
                                         Story{"QreRQq", "01"}));
INSTANTIATE_TEST_SUITE_P(Lost, TrustTest,
                         testing::Values(Story{"qqrereRq", "12120"}, Story{"qqrereQq", "12120"},
                                         Story{"qqrereRreq", "121200"},
                                         Story{"qqQreqrereq", "1210200"},
                                         Story{"QqqreRQreq", "00000"},
                                         Story{"qqrereQreQRreq", "1212000"},
                                         Story{"qqrereqre", "121233"}));

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
