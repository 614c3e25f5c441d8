// SPDX-License-Identifier: Apache-2.0
// What the programs deliver of the bytes that go through SSL calls, and how they count what not.
#include <openssl/ssl.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/bpf/capture_fixture.h"
#include "tests/bpf/tls_pair.h"

namespace tlscope {
namespace {

// Beyond /proc/sys/kernel/pid_max.
constexpr std::uint32_t kNoProcess = 1U << 30;

using PayloadBpfTest = CaptureFixture;
INSTANTIATE_TEST_SUITE_P(Library, PayloadBpfTest, AttachModes(), AttachmentName);

// Bytes that differ from place to place, so that a chunk in the wrong place is seen.
std::string Pattern(std::size_t size) {
  std::string bytes(size, '\0');
  std::uint32_t state = 1;
  for (char& byte : bytes) {
    state = state * 1664525 + 1013904223;
    byte = static_cast<char>(state >> 24);
  }
  return bytes;
}

TEST_P(PayloadBpfTest, DeliversBothEndsOfACallWithTheirBytes) {
  Start();
  TlsPair pair;
  ASSERT_EQ(pair.Send("hello"), "hello");
  Collect();
  EXPECT_EQ(BytesOf(pair.client(), DataType::kWrite), "hello");
  EXPECT_EQ(BytesOf(pair.server(), DataType::kRead), "hello");
  EXPECT_EQ(data_.size(), 2U);
  EXPECT_EQ(data_[0].event.origin.pid, static_cast<std::uint32_t>(getpid()));
  EXPECT_EQ(data_[0].event.origin.tid, static_cast<std::uint32_t>(gettid()));
}

TEST_P(PayloadBpfTest, DeliversEverySizeAroundTheSizeClasses) {
  Start();
  TlsPair pair;
  std::string sent;
  for (const std::size_t size : {1U, 255U, 256U, 257U, 1023U, 1024U, 1025U, 4095U, 4096U, 4097U,
                                 16383U, 16384U, 16385U, 40000U}) {
    const std::string bytes = Pattern(size);
    sent += bytes;
    ASSERT_EQ(pair.Send(bytes), bytes);
  }
  Collect();
  EXPECT_EQ(BytesOf(pair.client(), DataType::kWrite), sent);
  EXPECT_EQ(BytesOf(pair.server(), DataType::kRead), sent);
}

TEST_P(PayloadBpfTest, DescribesThePlaceOfEachChunk) {
  Start();
  TlsPair pair;
  ASSERT_EQ(pair.Send("0123456789").size(), 10U);
  ASSERT_EQ(pair.Send(Pattern(40000)).size(), 40000U);
  Collect();
  const auto chunks = DataOf(pair.client(), DataType::kWrite);
  ASSERT_EQ(chunks.size(), 4U);
  EXPECT_EQ(chunks[0]->event.call_bytes, 10U);
  std::uint64_t offset = 0;
  for (const CapturedData* chunk : chunks) {
    EXPECT_EQ(chunk->event.stream_offset, offset);
    offset += chunk->bytes.size();
  }
  EXPECT_EQ(chunks[1]->event.chunk_offset, 0U);
  EXPECT_EQ(chunks[2]->event.chunk_offset, 16384U);
  EXPECT_EQ(chunks[3]->event.call_bytes, 40000U);
  std::vector<bool> ends;
  ends.reserve(chunks.size());
  for (const CapturedData* chunk : chunks) ends.push_back(chunk->event.ends_call);
  EXPECT_EQ(ends, (std::vector<bool>{true, false, false, true}));
}

TEST_P(PayloadBpfTest, DeliversASingleCallOfFiveMebibytesAsFarAsTheKernelCan) {
  ProbeOptions options = OwnProcess();
  options.max_payload_bytes = 0;
  Start(options);
  TlsPair pair;
  const std::string bytes = Pattern(5 << 20);
  ASSERT_EQ(pair.Send(bytes), bytes);
  Collect();
  const std::uint64_t whole =
      probes().captures_any_size() ? bytes.size() : ProbeSession::kMaxCallBytesWithoutLoop;
  EXPECT_TRUE(BytesOf(pair.client(), DataType::kWrite) == bytes.substr(0, whole));
  EXPECT_TRUE(BytesOf(pair.server(), DataType::kRead) == bytes);
  EXPECT_EQ(Counters()[TLSCOPE_COUNT_TRUNCATED].bytes, bytes.size() - whole);
}

TEST_P(PayloadBpfTest, CutsACallAtMaxPayloadAndCountsTheRest) {
  ProbeOptions options = OwnProcess();
  options.max_payload_bytes = 20000;
  Start(options);
  TlsPair pair;
  const std::string bytes = Pattern(50000);
  ASSERT_EQ(pair.Send(bytes), bytes);
  ASSERT_EQ(pair.Send("after"), "after");
  Collect();
  const auto chunks = DataOf(pair.client(), DataType::kWrite);
  EXPECT_EQ(BytesOf(pair.client(), DataType::kWrite), bytes.substr(0, 20000) + "after");
  ASSERT_EQ(chunks.size(), 3U);
  EXPECT_FALSE(chunks[0]->event.ends_call);
  EXPECT_TRUE(chunks[1]->event.ends_call) << "what is left of the call is not to come";
  EXPECT_EQ(chunks[2]->event.stream_offset, 50000U);
  EXPECT_EQ(Counters()[TLSCOPE_COUNT_TRUNCATED].events, 1U);
  EXPECT_EQ(Counters()[TLSCOPE_COUNT_TRUNCATED].bytes, 30000U);
}

TEST_P(PayloadBpfTest, CountsWhatAFullRingLosesToTheByte) {
  ProbeOptions options = OwnProcess();
  options.max_payload_bytes = 1 << 20;
  options.ring_bytes = 65536;
  Start(options);
  TlsPair pair;
  const std::string bytes = Pattern(300000);
  ASSERT_EQ(pair.Send(bytes), bytes);
  Collect();
  ASSERT_EQ(pair.Send("after"), "after");
  Collect();
  const KernelCounters counters = Counters();
  EXPECT_GT(counters[TLSCOPE_COUNT_RING_FULL].bytes, 0U);
  EXPECT_EQ(counters[TLSCOPE_COUNT_SEEN].bytes, 2 * (bytes.size() + 5));
  EXPECT_EQ(counters[TLSCOPE_COUNT_SEEN].bytes,
            DeliveredBytes() + counters[TLSCOPE_COUNT_RING_FULL].bytes);
  EXPECT_EQ(DataOf(pair.client(), DataType::kWrite).back()->event.stream_offset, bytes.size());
}

TEST_P(PayloadBpfTest, CountsToTheByteAndDeliversNothingWhilePaused) {
  Start(OwnProcess());
  TlsPair pair;
  ASSERT_EQ(pair.Send("before"), "before");
  SetPaused(true);
  const std::string unseen = Pattern(40000);
  ASSERT_EQ(pair.Send(unseen), unseen);
  Collect();
  EXPECT_EQ(DeliveredBytes(), 2 * 6U);
  EXPECT_EQ(Counters()[TLSCOPE_COUNT_PAUSED].bytes, 2 * unseen.size());

  SetPaused(false);
  ASSERT_EQ(pair.Send("after"), "after");
  Collect();
  EXPECT_EQ(BytesOf(pair.client(), DataType::kWrite), "beforeafter");
  EXPECT_EQ(BytesOf(pair.server(), DataType::kRead), "beforeafter");
  EXPECT_EQ(DataOf(pair.client(), DataType::kWrite).back()->event.stream_offset, 6 + unseen.size());
  EXPECT_EQ(DataOf(pair.server(), DataType::kRead).back()->event.stream_offset, 6 + unseen.size());
  const KernelCounters counters = Counters();
  EXPECT_EQ(counters[TLSCOPE_COUNT_SEEN].bytes,
            DeliveredBytes() + counters[TLSCOPE_COUNT_PAUSED].bytes);
}

TEST_P(PayloadBpfTest, TellsOfSocketsAndEndsWhilePaused) {
  Start(OwnProcess());
  SetPaused(true);
  {
    TlsPair pair;
    ASSERT_EQ(pair.Send("unseen"), "unseen");
  }
  Collect();
  EXPECT_EQ(DeliveredBytes(), 0U);
  EXPECT_EQ(ends_.size(), 2U);
  ASSERT_FALSE(connections_.empty());
  EXPECT_EQ(connections_.front().state, ConnDataEvent::State::kOpened);
  EXPECT_FALSE(handshakes_.empty());
}

TEST_P(PayloadBpfTest, ReadsTheExFunctions) {
  Start();
  TlsPair pair;
  std::size_t written = 0;
  ASSERT_EQ(SSL_write_ex(pair.client(), "ex-bytes", 8, &written), 1);
  char buffer[64];
  std::size_t got = 0;
  while (SSL_read_ex(pair.server(), buffer, sizeof buffer, &got) != 1) {
  }
  Collect();
  EXPECT_EQ(BytesOf(pair.client(), DataType::kWrite), "ex-bytes");
  EXPECT_EQ(BytesOf(pair.server(), DataType::kRead), "ex-bytes");
}

TEST_P(PayloadBpfTest, SaysNothingOfCallsThatMoveNothing) {
  Start();
  TlsPair pair;
  char buffer[16];
  std::size_t got = 0;
  EXPECT_LE(SSL_read(pair.server(), buffer, sizeof buffer), 0);
  EXPECT_EQ(SSL_read_ex(pair.server(), buffer, sizeof buffer, &got), 0);
  Collect();
  EXPECT_TRUE(data_.empty());
  EXPECT_EQ(Counters()[TLSCOPE_COUNT_SEEN].events, 0U);
}

TEST_P(PayloadBpfTest, DoesNotCountPeekedBytes) {
  Start();
  TlsPair pair;
  ASSERT_EQ(SSL_write(pair.client(), "peeked", 6), 6);
  char buffer[16];
  while (SSL_peek(pair.server(), buffer, sizeof buffer) <= 0) {
  }
  ASSERT_EQ(SSL_read(pair.server(), buffer, sizeof buffer), 6);
  Collect();
  EXPECT_EQ(BytesOf(pair.server(), DataType::kRead), "peeked");
}

TEST_P(PayloadBpfTest, EmitsNoByteOfAFilteredProcess) {
  ProbeOptions options;
  options.filters.pids = {kNoProcess};
  Start(options);
  TlsPair pair;
  ASSERT_EQ(pair.Send("secret"), "secret");
  Collect();
  EXPECT_TRUE(order_.empty());
  EXPECT_GT(Counters()[TLSCOPE_COUNT_FILTERED].events, 0U);
  EXPECT_EQ(Counters()[TLSCOPE_COUNT_NO_CALL].events, 0U);
}

TEST_P(PayloadBpfTest, SpendsNothingOnAProcessThatIsExcluded) {
  ProbeOptions options = OwnProcess();
  options.filters.excluded_pid = static_cast<std::uint32_t>(getpid());
  Start(options);
  TlsPair pair;
  ASSERT_EQ(pair.Send("its own"), "its own");
  Collect();
  EXPECT_TRUE(order_.empty());
  EXPECT_EQ(Counters()[TLSCOPE_COUNT_SEEN].events, 0U);
  EXPECT_EQ(Counters()[TLSCOPE_COUNT_NO_CALL].events, 0U);
}

TEST_P(PayloadBpfTest, TakesSeveralValuesOfAFilterAndAllKindsTogether) {
  ProbeOptions options = OwnProcess();
  options.filters.pids.push_back(kNoProcess);
  options.filters.uids = {4242, getuid()};
  options.filters.comms = {"nobody-has-this", "tlscope_bpf_tes"};
  Start(options);
  TlsPair pair;
  ASSERT_EQ(pair.Send("seen"), "seen");
  Collect();
  EXPECT_EQ(BytesOf(pair.client(), DataType::kWrite), "seen");
}

}  // namespace
}  // namespace tlscope
