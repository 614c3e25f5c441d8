// SPDX-License-Identifier: Apache-2.0
#include "processor/outputs/output.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace tlscope {
namespace {

/// Writes libraries, and nothing else.
struct PathFormat final : Format {
  void Append(const BusPayload& payload, std::string& out) override {
    if (const auto* library = std::get_if<LibraryEvent>(&payload)) out += library->path;
  }
};

struct TwoBlockSink final : Sink {
  bool Push(std::string block) override {
    if (blocks.size() == 2) return false;
    blocks.push_back(std::move(block));
    return true;
  }
  void Close() override {}
  SinkStats stats() const override { return {}; }
  std::vector<std::string> blocks;
};

TEST(OutputTest, FormatsPushesAndCounts) {
  TwoBlockSink sink;
  Output output(std::make_unique<PathFormat>(), sink);
  EventBus bus;
  ASSERT_TRUE(bus.Subscribe("events.#", output));
  bus.Publish(Topic::kProcessDiscovered, ProcessEvent{1, "curl", "/a"});
  for (const char* path : {"/a", "/bb", "/ccc"}) {
    bus.Publish(Topic::kLibraryAttached, LibraryEvent{path, ""});
  }
  EXPECT_THAT(sink.blocks, ::testing::ElementsAre("/a", "/bb"));
  EXPECT_EQ(output.stats().events, 3U);
  EXPECT_EQ(output.stats().bytes, 9U);
  EXPECT_EQ(output.stats().refused_events, 1U);
}

}  // namespace
}  // namespace tlscope
