// SPDX-License-Identifier: Apache-2.0
#include "processor/collector/agent_session.h"

#include <gtest/gtest.h>
#include <malloc.h>

#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "processor/formats/line_format.h"

namespace tlscope {
namespace {

std::size_t AllocatedBytes() {
  const auto info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

/// Takes everything and keeps nothing.
class NoStorage final : public Storage {
 public:
  std::string name() const override { return "none"; }
  std::optional<std::uint64_t> Prepare(std::size_t block_bytes) override { return block_bytes; }
  StoreOutcome Write(std::string_view) override { return StoreOutcome::kDone; }
  StoreOutcome Keep(const StreamPositions&) override { return StoreOutcome::kDone; }
  void Close() override {}
};

class AgentSessionTest : public ::testing::Test {
 protected:
  AgentSessionTest() : store_(Outputs()), session_(env_) {}

  static std::vector<std::unique_ptr<CollectorOutput>> Outputs() {
    std::vector<std::unique_ptr<CollectorOutput>> outputs;
    outputs.push_back(
        std::make_unique<CollectorOutput>(std::make_shared<LineFormat>(0), FormatKind::kLine,
                                          std::make_unique<NoStorage>(), StreamPositions()));
    return outputs;
  }

  AgentSession::Input Take(const v1::LogEntry& entry) {
    std::string bytes;
    AppendDelimited(entry, bytes);
    std::memcpy(session_.PrepareInput(bytes.size()).data(), bytes.data(), bytes.size());
    session_.CommitInput(bytes.size());
    return session_.Process(8);
  }

  EntryStore store_;
  const CollectorLimits limits_;
  const std::string version_;
  const AgentSessionEnv env_{store_, limits_, version_, {}};
  AgentSession session_;
};

TEST_F(AgentSessionTest, GivesBackTheMemoryOfALargeEntry) {
  v1::LogEntry hello;
  hello.mutable_hello()->mutable_agent()->set_host("h");
  hello.mutable_hello()->mutable_agent()->set_stream_id(1);
  ASSERT_EQ(Take(hello), AgentSession::Input::kNeedMore);
  const std::size_t before = AllocatedBytes();
  {
    v1::LogEntry entry;
    entry.set_sequence(1);
    // Two bytes each as they come, and dozens as they are held.
    for (int i = 0; i < 60'000; ++i) entry.mutable_event_payload()->mutable_message()->add_gaps();
    ASSERT_EQ(Take(entry), AgentSession::Input::kNeedMore);
  }
  ASSERT_EQ(store_.Commit(), StoreOutcome::kDone);
  EXPECT_LT(AllocatedBytes(), before + (std::size_t{1} << 20));
}

}  // namespace
}  // namespace tlscope
