// SPDX-License-Identifier: Apache-2.0
#include "agent/procfs/process_maps.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "processor/base/unique_fd.h"

namespace tlscope {
namespace {

TEST(ProcessMapsTest, ReadsALineThatMapsAFileAsCode) {
  const auto mapping = ParseMapsLine(
      42, "7f0a1c000000-7f0a1c05b000 r-xp 0001e000 fe:01 1234567     /usr/lib/libssl.so.3");
  ASSERT_TRUE(mapping.has_value());
  EXPECT_EQ(mapping->pid, 42U);
  EXPECT_EQ(mapping->start, 0x7f0a1c000000U);
  EXPECT_EQ(mapping->end, 0x7f0a1c05b000U);
  EXPECT_EQ(mapping->file, (MappedFileId{0xfe, 1, 1234567}));
  EXPECT_EQ(mapping->path, "/usr/lib/libssl.so.3");
  EXPECT_FALSE(mapping->deleted);
}

TEST(ProcessMapsTest, TellsADeletedFileFromOneWithBlanksInItsName) {
  const auto deleted =
      ParseMapsLine(1, "7f00-7fff r-xp 00000000 00:1b 9 /opt/a b/libssl.so.3 (deleted)");
  ASSERT_TRUE(deleted.has_value());
  EXPECT_EQ(deleted->path, "/opt/a b/libssl.so.3");
  EXPECT_TRUE(deleted->deleted);
}

TEST(ProcessMapsTest, LeavesOutWhatIsNoCodeOfAFile) {
  for (const char* line : {
           "7f00-7fff r--p 00000000 fe:01 9 /usr/lib/libssl.so.3",
           "7f00-7fff r-xp 00000000 00:00 0 [vdso]",
           "7f00-7fff rwxp 00000000 00:00 0 ",
           "7f00-7fff r-xp 00000000 00:00 0",
           "7f00-7fff r-xp",
           "7f00 r-xp 00000000 fe:01 9 /x",
           "7f00-7fff r-xp 00000000 fe:01 x /x",
           "",
       }) {
    EXPECT_EQ(ParseMapsLine(1, line), std::nullopt) << line;
  }
}

// A file of ours mapped as code into this process.
class MappedFile {
 public:
  MappedFile() {
    path_ = testing::TempDir() + "mapped-" + std::to_string(getpid());
    const UniqueFd file(open(path_.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0700));
    EXPECT_EQ(ftruncate(file.get(), 4096), 0);
    fstat(file.get(), &status_);
    pages_ = mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, file.get(), 0);
  }
  ~MappedFile() {
    munmap(pages_, 4096);
    unlink(path_.c_str());
  }
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  const std::string& path() const { return path_; }
  bool Is(int fd) const {
    struct stat other {};
    return fstat(fd, &other) == 0 && other.st_ino == status_.st_ino;
  }
  bool OpensThroughItsMapping() const {
    bool opened = false;
    ForEachMapping(static_cast<std::uint32_t>(getpid()), [&](const Mapping& mapping) {
      if (mapping.path != path_) return;
      const UniqueFd file(OpenMappedFile(mapping));
      opened = file && Is(file.get());
    });
    return opened;
  }

 private:
  std::string path_;
  struct stat status_ {};
  void* pages_ = nullptr;
};

TEST(ProcessMapsTest, OpensTheFileThatIsMapped) {
  const MappedFile mapped;
  EXPECT_TRUE(mapped.OpensThroughItsMapping());
}

TEST(ProcessMapsTest, TakesNoOtherFileOfTheSameName) {
  const MappedFile mapped;
  Mapping gone;
  gone.pid = 1U << 30;  // above any process id
  gone.path = mapped.path();
  EXPECT_LT(OpenMappedFile(gone), 0);
}

TEST(ProcessMapsTest, OpensADeletedFileWhereTheKernelAllowsIt) {
  const MappedFile mapped;
  unlink(mapped.path().c_str());
  if (geteuid() != 0) return;  // /proc/PID/map_files takes CAP_CHECKPOINT_RESTORE
  EXPECT_TRUE(mapped.OpensThroughItsMapping());
}

TEST(ProcessMapsTest, ListsThisProcess) {
  EXPECT_THAT(Processes(), testing::Contains(static_cast<std::uint32_t>(getpid())));
  EXPECT_FALSE(CommOf(static_cast<std::uint32_t>(getpid())).empty());
  EXPECT_EQ(CommOf(1U << 30), "");
}

}  // namespace
}  // namespace tlscope
