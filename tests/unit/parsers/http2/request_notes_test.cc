// SPDX-License-Identifier: Apache-2.0
#include "parsers/http2/request_notes.h"

#include <gtest/gtest.h>

namespace tlscope::http2 {
namespace {

using Asked = RequestNotes::Asked;

TEST(RequestNotesTest, FindsWhatAStreamsRequestAskedForUntilItIsForgotten) {
  ByteBudget budget(1U << 20);
  RequestNotes notes(budget);
  notes.Add({1, Asked::kRpc, "/p.S/M"});
  notes.Add({3, Asked::kTunnel, {}});
  ASSERT_NE(notes.Find(1), nullptr);
  EXPECT_EQ(notes.Find(1)->rpc, "/p.S/M");
  EXPECT_EQ(notes.Find(3)->asked, Asked::kTunnel);
  EXPECT_EQ(notes.Find(5), nullptr);
  notes.Forget(1);
  notes.Forget(5);
  EXPECT_EQ(notes.Find(1), nullptr);
  EXPECT_NE(notes.Find(3), nullptr);
}

TEST(RequestNotesTest, ALaterRequestOfAStreamTakesThePlaceOfTheFirst) {
  ByteBudget budget(1U << 20);
  RequestNotes notes(budget);
  notes.Add({1, Asked::kRpc, std::string(500, 'r')});
  notes.Add({1, Asked::kWebSocket, {}});
  EXPECT_EQ(notes.Find(1)->asked, Asked::kWebSocket);
  notes.Forget(1);
  EXPECT_EQ(notes.held_bytes(), 0U);
}

TEST(RequestNotesTest, TheOldestGivesWay) {
  ByteBudget budget(1U << 20);
  RequestNotes notes(budget);
  for (std::uint32_t i = 0; i <= RequestNotes::kMaxNotes; ++i) {
    notes.Add({2 * i + 1, Asked::kTunnel, {}});
  }
  EXPECT_EQ(notes.Find(1), nullptr);
  EXPECT_NE(notes.Find(3), nullptr);
  EXPECT_EQ(notes.held_bytes(), RequestNotes::kMaxNotes * sizeof(RequestNotes::Note));
}

TEST(RequestNotesTest, HoldsWhatTheBudgetGivesAndGivesItBack) {
  ByteBudget budget(2 * sizeof(RequestNotes::Note) + 10);
  {
    RequestNotes notes(budget);
    notes.Add({1, Asked::kRpc, "/p.S/M"});
    notes.Add({3, Asked::kRpc, "/p.S/Other"});
    EXPECT_NE(notes.Find(1), nullptr);
    EXPECT_EQ(notes.Find(3), nullptr);
    EXPECT_EQ(notes.held_bytes(), budget.used_bytes());
    notes.Clear();
    EXPECT_EQ(budget.used_bytes(), 0U);
    notes.Add({5, Asked::kTunnel, {}});
  }
  EXPECT_EQ(budget.used_bytes(), 0U);
}

}  // namespace
}  // namespace tlscope::http2
