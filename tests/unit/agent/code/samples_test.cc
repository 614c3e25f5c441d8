// SPDX-License-Identifier: Apache-2.0
// What is planned for compiled functions, against what their calls do, instruction by instruction.
#include <dlfcn.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <link.h>

#include <cstring>
#include <memory>
#include <string>

#include "agent/code/elf_code.h"
#include "agent/code/ways.h"
#include "agent/elf/elf_symbols.h"
#include "processor/base/unique_fd.h"
#include "tests/unit/agent/code/single_steps.h"

extern "C" __attribute__((visibility("default"))) void samples_exit(int code) { _exit(code); }

namespace tlscope {
namespace {

struct Object {
  int state;
  int errors;
  int (*move)(Object*, char*, long, std::size_t*);
  char bytes[256];
};

using Sample = int (*)(Object*, char*, long, std::size_t*);

constexpr CallShape kShape{4, 3, ResultKind::kInt32};

int MoveSome(Object* object, char* buffer, long size, std::size_t* moved) {
  for (long i = 0; i < size; ++i) buffer[i] = object->bytes[i];
  *moved = static_cast<std::size_t>(size);
  ++object->state;
  return static_cast<int>(size);
}

/// The functions of samples.c as one set of options makes them.
class Samples {
 public:
  explicit Samples(const std::string& variant)
      : path_(std::string(TLSCOPE_SAMPLES) + "/libsamples_" + variant + ".so"),
        handle_(dlopen(path_.c_str(), RTLD_NOW)),
        file_(open(path_.c_str(), O_RDONLY | O_CLOEXEC)),
        elf_(ElfFile::OfDescriptor(file_.get())) {
    if (elf_) code_ = std::make_unique<ElfCode>(*elf_);
  }

  bool ok() const { return handle_ != nullptr && code_ != nullptr; }

  Sample Function(const std::string& name) const {
    return reinterpret_cast<Sample>(dlsym(handle_, name.c_str()));
  }

  std::uint64_t Base() const {
    link_map* map = nullptr;
    dlinfo(handle_, RTLD_DI_LINKMAP, &map);
    return map->l_addr;
  }

  const ElfCode& code() const { return *code_; }

 private:
  std::string path_;
  void* handle_;
  UniqueFd file_;
  std::optional<ElfFile> elf_;
  std::unique_ptr<ElfCode> code_;
};

std::vector<CodePoint> Loaded(std::vector<CodePoint> points, std::uint64_t base) {
  for (CodePoint& point : points) point.address += base;
  return points;
}

class SamplesTest : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override { ASSERT_TRUE(samples.ok()) << dlerror(); }

  /// What to watch; refused functions have a reason.
  SingleSteps::Watch WatchOf(const std::string& name, PointChoice choice, std::string& refusal) {
    const auto start = reinterpret_cast<std::uint64_t>(samples.Function(name));
    const auto function = Decode(samples.code(), start - samples.Base(), refusal);
    if (!function) return {};
    const auto entry = FindWayIn(*function, kShape, choice);
    EXPECT_TRUE(entry.has_value()) << name;
    if (!entry) return {};
    const WaysOut exits = FindWaysOut(*function, kShape, choice, *entry);
    refusal = exits.refusal;
    return {start, Loaded({*entry}, samples.Base()), Loaded(exits.points, samples.Base()), kRcx};
  }

  void CheckCall(const SingleSteps::Watch& watch, Sample function, long size, int state) {
    SCOPED_TRACE("size " + std::to_string(size) + ", state " + std::to_string(state));
    const ObservedCall call = SingleSteps::Observe(watch, [&] {
      Object object{state, 0, &MoveSome, "some text to be moved, and more of it than is moved"};
      char buffer[256] = {};
      std::size_t moved = 0;
      function(&object, buffer, size, &moved);
    });
    ASSERT_EQ(call.entries.size(), 1U);
    EXPECT_EQ(call.entries[0].stack_at_entry, call.at_entry.rsp);
    if (!call.returned) {  // it ended the program
      EXPECT_TRUE(call.exits.empty());
      return;
    }
    ASSERT_FALSE(call.exits.empty()) << "the call ended unseen";
    for (const Sighting& exit : call.exits) {
      SCOPED_TRACE(exit.address - samples.Base());
      EXPECT_EQ(exit.stack_at_entry, call.at_entry.rsp);
      EXPECT_EQ(static_cast<int>(exit.result), static_cast<int>(call.at_return.rax));
      EXPECT_EQ(exit.object.value_or(call.at_entry.rdi), call.at_entry.rdi);
      EXPECT_EQ(exit.moved.value_or(call.at_entry.rcx), call.at_entry.rcx);
      EXPECT_EQ(exit.moved_bytes, call.moved_bytes);
    }
  }

  void Check(const std::string& name, PointChoice choice) {
    SCOPED_TRACE(name);
    std::string refusal;
    const SingleSteps::Watch watch = WatchOf(name, choice, refusal);
    ASSERT_EQ(refusal, "");
    for (const int state : {0, 3}) {
      for (const long size : {-1, 0, 1, 2, 3, 4, 5, 6, 7, 30})
        CheckCall(watch, samples.Function(name), size, state);
    }
  }

  const Samples samples{GetParam()};
};

INSTANTIATE_TEST_SUITE_P(Options, SamplesTest, ::testing::ValuesIn({TLSCOPE_SAMPLE_VARIANTS}));

TEST_P(SamplesTest, SeesBothEndsOfEveryCall) {
  for (const char* const name : {"sample_wrapper", "sample_clamped", "sample_returns",
                                 "sample_loop", "sample_switch", "sample_tail", "sample_busy"})
    Check(name, PointChoice::kAny);
}

// Where a pointer is called in the last place by a jump, nothing of the caller's is left to see the
// call end at.
TEST_P(SamplesTest, SeesBothEndsOrRefusesWhatLeavesByAPointer) {
  std::string refusal;
  WatchOf("sample_pointer_tail", PointChoice::kAny, refusal);
  const std::string variant = GetParam();
  if (variant == "O0" || variant == "O1")
    Check("sample_pointer_tail", PointChoice::kAny);
  else
    EXPECT_THAT(refusal, ::testing::StartsWith("it leaves by an indirect jump at 0x"));
}

TEST_P(SamplesTest, SeesThemWithoutAFrame) {
  for (const char* const name : {"sample_wrapper", "sample_clamped", "sample_returns",
                                 "sample_loop", "sample_switch", "sample_tail", "sample_busy"})
    Check(name, PointChoice::kFrameless);
}

}  // namespace
}  // namespace tlscope
