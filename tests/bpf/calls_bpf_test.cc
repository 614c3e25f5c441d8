// SPDX-License-Identifier: Apache-2.0
// Calls that do not end in the order in which they began: on other stacks, on other threads, on one
// stack by turns, or not at all.
#include <dlfcn.h>
#include <ucontext.h>

#include <csetjmp>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "tests/bpf/capture_fixture.h"
#include "tests/bpf/stub_library.h"

namespace tlscope {
namespace {

/// What runs on a stack of its own, and stops within a call of the stub where it says so.
class Coroutine {
 public:
  explicit Coroutine(std::vector<std::byte>& stack, std::function<void()> run)
      : run_(std::move(run)) {
    getcontext(&inside_);
    inside_.uc_stack.ss_sp = stack.data();
    inside_.uc_stack.ss_size = stack.size();
    inside_.uc_link = &outside_;
    makecontext(&inside_, &Coroutine::Main, 0);
  }

  /// Until it stops, or has come to its end.
  void Resume() {
    current_ = this;
    swapcontext(&outside_, &inside_);
  }

  /// From within.
  static void Stop() {
    Coroutine* const self = current_;
    swapcontext(&self->inside_, &self->outside_);
  }

 private:
  static void Main() { current_->run_(); }

  static inline thread_local Coroutine* current_ = nullptr;
  std::function<void()> run_;
  ucontext_t inside_{};
  ucontext_t outside_{};
};

/// In a frame of its own, in which nothing changes that a longjmp would clobber.
[[gnu::noinline]] void WriteUnlessLeft(const StubLibrary& stub, const void* object,
                                       std::string_view bytes, std::jmp_buf& back) {
  if (setjmp(back) == 0) stub.Write(object, bytes);
}

class CallsBpfTest : public CaptureFixture {
 protected:
  void SetUp() override {
    CaptureFixture::SetUp();
    if (IsSkipped()) return;
    Start(OwnProcess());
    AttachTo(stub.path());
  }

  std::string Written(const std::uint64_t& object) const {
    return BytesOf(reinterpret_cast<const SSL*>(&object), DataType::kWrite);
  }

  /// A write that stops once within.
  std::function<void()> StoppingWrite(std::uint64_t& object, const std::string& bytes) {
    return [&] {
      stub.SetInside(&Coroutine::Stop);
      ASSERT_EQ(stub.Write(&object, bytes), static_cast<int>(bytes.size()));
    };
  }

  static constexpr std::size_t kStackBytes = 256 << 10;
  StubLibrary stub;
  std::uint64_t first_object = 0;
  std::uint64_t second_object = 0;
  const std::string first_bytes = "said by the first";
  const std::string second_bytes = "and this by the second one";
};
INSTANTIATE_TEST_SUITE_P(Library, CallsBpfTest,
                         ::testing::Values(Attachment{"PublicAttach", AttachMode::kPublic}),
                         AttachmentName);

TEST_P(CallsBpfTest, FollowsCoroutinesThatEndTheirCallsInTheOrderInWhichTheyBeganThem) {
  std::vector<std::byte> stacks[2] = {std::vector<std::byte>(kStackBytes),
                                      std::vector<std::byte>(kStackBytes)};
  for (const bool upwards : {false, true}) {
    SCOPED_TRACE(upwards);
    const bool rising = stacks[0].data() < stacks[1].data();
    Coroutine first(stacks[rising == upwards ? 0 : 1], StoppingWrite(first_object, first_bytes));
    Coroutine second(stacks[rising == upwards ? 1 : 0], StoppingWrite(second_object, second_bytes));
    first.Resume();
    second.Resume();
    first.Resume();
    second.Resume();
  }
  stub.SetInside(nullptr);
  Collect();
  EXPECT_EQ(Written(first_object), first_bytes + first_bytes);
  EXPECT_EQ(Written(second_object), second_bytes + second_bytes);
  EXPECT_EQ(Counters()[TLSCOPE_COUNT_CALLS_LEFT].events, 0U);
}

TEST_P(CallsBpfTest, FollowsACallThatEndsOnAnotherThread) {
  std::vector<std::byte> stack(kStackBytes);
  Coroutine coroutine(stack, StoppingWrite(first_object, first_bytes));
  coroutine.Resume();
  std::thread([&] { coroutine.Resume(); }).join();
  stub.SetInside(nullptr);
  Collect();
  EXPECT_EQ(Written(first_object), first_bytes);
}

TEST_P(CallsBpfTest, CountsACallThatIsLeftByALongjmpAndFollowsTheNextThere) {
  static std::jmp_buf back;
  // Called at one place, so that both calls have one stack pointer.
  for (int round = 0; round < 2; ++round) {
    stub.SetInside(round == 0 ? +[] { std::longjmp(back, 1); } : nullptr);
    WriteUnlessLeft(stub, &first_object, round == 0 ? first_bytes : second_bytes, back);
  }
  Collect();
  EXPECT_EQ(Written(first_object), second_bytes);
  EXPECT_EQ(Counters()[TLSCOPE_COUNT_CALLS_LEFT].events, 1U);
  EXPECT_EQ(Counters()[TLSCOPE_COUNT_CALLS_MIXED].events, 0U);
}

/// As greenlet does it: what a coroutine has on the common stack is copied away while another runs.
TEST_P(CallsBpfTest, NeverGivesACallTheBytesOfOneThatHadTheSameStack) {
  std::vector<std::byte> stack(kStackBytes);
  Coroutine first(stack, StoppingWrite(first_object, first_bytes));
  first.Resume();
  const std::vector<std::byte> of_first = stack;
  Coroutine second(stack, StoppingWrite(second_object, second_bytes));
  second.Resume();
  const std::vector<std::byte> of_second = stack;
  std::memcpy(stack.data(), of_first.data(), stack.size());
  first.Resume();
  std::memcpy(stack.data(), of_second.data(), stack.size());
  second.Resume();
  stub.SetInside(nullptr);
  Collect();
  EXPECT_EQ(Written(first_object), "") << "its place was taken when the second began";
  EXPECT_EQ(Written(second_object), second_bytes);
  EXPECT_EQ(Counters()[TLSCOPE_COUNT_CALLS_LEFT].events, 1U);
  EXPECT_EQ(Counters()[TLSCOPE_COUNT_CALLS_MIXED].events, 1U);
}

}  // namespace
}  // namespace tlscope
