// SPDX-License-Identifier: Apache-2.0
#include "processor/collector/storage/fd_storage.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "processor/base/unique_fd.h"

namespace tlscope {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

class FdStorageTest : public ::testing::Test {
 protected:
  FdStorageTest() { std::signal(SIGPIPE, SIG_IGN); }

  std::unique_ptr<FdStorage> Open(int fd, std::string start = {}) {
    auto storage = FdStorage::Open(fd, std::move(start), [this](int error_number, bool over) {
      failures_.emplace_back(error_number, over);
    });
    EXPECT_TRUE(storage);
    return storage ? std::move(*storage) : nullptr;
  }

  std::vector<std::pair<int, bool>> failures_;
};

TEST_F(FdStorageTest, GoesOnInAPipeWhereItsReaderMadeRoom) {
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
  const UniqueFd reader(ends[0]);
  const UniqueFd writer(ends[1]);
  const auto storage = Open(writer.get(), "start ");
  ASSERT_TRUE(storage);
  const std::string block(std::size_t{200} << 10, 'x');
  std::string read_back;
  std::string piece(std::size_t{64} << 10, '\0');
  while (storage->Write(block) == StoreOutcome::kAgain) {
    const ssize_t got = read(reader.get(), piece.data(), piece.size());
    ASSERT_GT(got, 0);
    read_back.append(piece, 0, static_cast<std::size_t>(got));
  }
  while (read_back.size() < block.size() + 6) {
    const ssize_t got = read(reader.get(), piece.data(), piece.size());
    ASSERT_GT(got, 0);
    read_back.append(piece, 0, static_cast<std::size_t>(got));
  }
  EXPECT_EQ(read_back, "start " + block);
  EXPECT_THAT(failures_, IsEmpty());
}

TEST_F(FdStorageTest, AFullDiskMayHaveRoomAgain) {
  const UniqueFd full(open("/dev/full", O_WRONLY | O_CLOEXEC));
  ASSERT_TRUE(full);
  const auto storage = Open(full.get());
  ASSERT_TRUE(storage);
  EXPECT_EQ(storage->Write("one"), StoreOutcome::kAgain);
  EXPECT_EQ(storage->Write("one"), StoreOutcome::kAgain);
  EXPECT_THAT(failures_, ElementsAre(Pair(ENOSPC, false)));
}

TEST_F(FdStorageTest, AReaderThatIsGoneDoesNotComeBack) {
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
  UniqueFd reader(ends[0]);
  const UniqueFd writer(ends[1]);
  const auto storage = Open(writer.get());
  ASSERT_TRUE(storage);
  reader = UniqueFd();
  EXPECT_EQ(storage->Write("one"), StoreOutcome::kClosed);
  EXPECT_EQ(storage->Write("one"), StoreOutcome::kClosed);
  EXPECT_THAT(failures_, ElementsAre(Pair(EPIPE, true)));
}

}  // namespace
}  // namespace tlscope
