// SPDX-License-Identifier: Apache-2.0
#include "agent/discovery/mapping_reports.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/perf_event.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

namespace tlscope {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

/// The kernel's side of a ring.
class MappingReportsTest : public ::testing::Test {
 protected:
  void Write(std::uint32_t type, std::string body) {
    perf_event_header header{};
    header.type = type;
    header.size = static_cast<std::uint16_t>(sizeof header + body.size());
    body.insert(0, reinterpret_cast<const char*>(&header), sizeof header);
    for (const char byte : body) data[control.data_head++ % data.size()] = std::byte(byte);
  }

  void WriteMapping(std::uint32_t pid, const std::string& path) {
    std::string body;
    const auto add = [&](auto value) {
      body.append(reinterpret_cast<const char*>(&value), sizeof value);
    };
    add(pid);
    add(pid + 1);                        // tid
    add(std::uint64_t{0x7f0000001000});  // address
    add(std::uint64_t{0x2000});          // length
    add(std::uint64_t{0});               // page offset
    add(std::uint32_t{8});               // major
    add(std::uint32_t{1});               // minor
    add(std::uint64_t{4711});            // inode
    add(std::uint64_t{3});               // generation of the inode
    add(std::uint64_t{0});               // protection, flags
    body += path + '\0';
    body.resize((body.size() + 7) / 8 * 8);  // as perf_event_mmap_event does
    Write(PERF_RECORD_MMAP2, body);
  }

  /// The paths drained.
  std::vector<std::string> Drain(bool complete = true) {
    std::vector<std::string> paths;
    EXPECT_EQ(reports.Drain([&](const Mapping& mapping) { paths.emplace_back(mapping.path); }),
              complete);
    return paths;
  }

  perf_event_mmap_page control{};
  std::vector<std::byte> data{512};
  MappingReports reports{control, data};
};

TEST_F(MappingReportsTest, HandsOverWhatTheKernelSaysOfAMapping) {
  WriteMapping(42, "/usr/lib/libssl.so.3");
  int calls = 0;
  EXPECT_TRUE(reports.Drain([&](const Mapping& mapping) {
    ++calls;
    EXPECT_EQ(mapping.pid, 42U);
    EXPECT_EQ(mapping.start, 0x7f0000001000U);
    EXPECT_EQ(mapping.end, 0x7f0000003000U);
    EXPECT_EQ(mapping.file, (MappedFileId{8, 1, 4711}));
    EXPECT_EQ(mapping.generation, 3U);
    EXPECT_EQ(mapping.path, "/usr/lib/libssl.so.3");
  }));
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(control.data_tail, control.data_head) << "the kernel may write over it";
}

TEST_F(MappingReportsTest, HandsOverEachOnceInOrder) {
  EXPECT_THAT(Drain(), IsEmpty());
  WriteMapping(1, "/a");
  WriteMapping(2, "/b");
  EXPECT_THAT(Drain(), ElementsAre("/a", "/b"));
  EXPECT_THAT(Drain(), IsEmpty());
}

TEST_F(MappingReportsTest, ReadsRecordsThatWrapAnywhere) {
  for (int round = 0; round < 200; ++round) {
    const std::string path = '/' + std::string(static_cast<std::size_t>(round) % 67, 'x');
    WriteMapping(1, path);
    EXPECT_THAT(Drain(), ElementsAre(path)) << round;
  }
}

TEST_F(MappingReportsTest, SaysThatTheKernelDroppedReports) {
  WriteMapping(1, "/a");
  Write(PERF_RECORD_LOST, std::string(16, '\0'));
  WriteMapping(2, "/b");
  EXPECT_THAT(Drain(false), ElementsAre("/a", "/b"));
  EXPECT_THAT(Drain(), IsEmpty());
}

TEST_F(MappingReportsTest, PassesOverOtherRecords) {
  Write(PERF_RECORD_COMM, std::string(24, 'c'));
  Write(PERF_RECORD_MMAP2, std::string(64, '\0'));  // no path
  WriteMapping(1, "/a");
  EXPECT_THAT(Drain(), ElementsAre("/a"));
}

TEST_F(MappingReportsTest, EndsAPathWhereItsRecordEnds) {
  Write(PERF_RECORD_MMAP2, std::string(64, '\0') + "/no-nul-");
  WriteMapping(1, "/next");
  EXPECT_THAT(Drain(), ElementsAre("/no-nul-", "/next"));
}

}  // namespace
}  // namespace tlscope
