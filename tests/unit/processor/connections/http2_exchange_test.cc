// SPDX-License-Identifier: Apache-2.0
//
// Exchanges of HTTP/2: which response answers which request, how long it took, how much it was.
#include "tests/unit/parsers/http2/frame_builder.h"
#include "tests/unit/processor/connections/processor_fixture.h"

namespace tlscope::testing {
namespace {

using namespace testing_support;  // NOLINT(google-build-using-namespace): the tests' vocabulary
using ::testing::SizeIs;

Fields Request(const std::string& path) {
  return {{":method", "GET"}, {":path", path}, {":scheme", "https"}, {":authority", "a.example"}};
}

class Http2ExchangeTest : public ProcessorTest {
 protected:
  void Open() {
    Write(ssl_, std::string(http2::kPreface) + Settings());
    Read(ssl_, Settings());
  }

  Encoder requests_;
  Encoder responses_;
  TracedSsl ssl_;
};

TEST_F(Http2ExchangeTest, PairsStreamsThatAreAnsweredInAnyOrder) {
  Open();
  Write(ssl_, Headers(1, requests_.Block(Request("/slow")), kFlagEndStream), kStart);
  Write(ssl_, Headers(3, requests_.Block(Request("/fast"))), kStart + kMillisecond);
  Write(ssl_, Data(3, "question", kFlagEndStream), kStart + kMillisecond);
  Read(ssl_, Headers(1, responses_.Block({{":status", "103"}})), kStart + kMillisecond);
  Read(ssl_, Headers(3, responses_.Block({{":status", "404"}})), kStart + 2 * kMillisecond);
  Read(ssl_, Data(3, "no", kFlagEndStream), kStart + 3 * kMillisecond);
  Read(ssl_, Headers(1, responses_.Block({{":status", "200"}})), kStart + 8 * kMillisecond);
  Read(ssl_, Data(1, "yes"), kStart + 9 * kMillisecond);
  Read(ssl_, Headers(1, responses_.Block({{"x-sum", "1"}}), kFlagEndStream),
       kStart + 10 * kMillisecond);
  ASSERT_THAT(seen.exchanges, SizeIs(2));
  const auto& fast = seen.exchanges[0];
  EXPECT_EQ(fast.target, "/fast");
  EXPECT_EQ(fast.host, "a.example");
  EXPECT_EQ(fast.status, 404);
  EXPECT_EQ(fast.request_bytes, 8U);
  EXPECT_EQ(fast.response_bytes, 2U);
  EXPECT_EQ(fast.request_ktime_ns, kStart + kMillisecond);
  EXPECT_EQ(fast.first_byte_ktime_ns, kStart + 2 * kMillisecond);
  EXPECT_EQ(fast.last_byte_ktime_ns, kStart + 3 * kMillisecond);
  const auto& slow = seen.exchanges[1];
  EXPECT_EQ(slow.target, "/slow");
  EXPECT_EQ(slow.status, 200);
  EXPECT_EQ(slow.response_bytes, 3U);
  EXPECT_EQ(slow.request_ktime_ns, kStart);
  EXPECT_EQ(slow.first_byte_ktime_ns, kStart + 8 * kMillisecond);
  EXPECT_EQ(slow.last_byte_ktime_ns, kStart + 10 * kMillisecond);
}

TEST_F(Http2ExchangeTest, PairsAPushedResponseWithItsPromise) {
  Open();
  Write(ssl_, Headers(1, requests_.Block(Request("/")), kFlagEndStream));
  Read(ssl_, Frame(FrameType::kPushPromise, kFlagEndHeaders, 1,
                   Uint32(2) + responses_.Block(Request("/pushed"))));
  Read(ssl_, Headers(2, responses_.Block({{":status", "200"}})) + Data(2, "css", kFlagEndStream));
  ASSERT_THAT(seen.exchanges, SizeIs(1));
  EXPECT_EQ(seen.exchanges[0].target, "/pushed");
  EXPECT_EQ(seen.exchanges[0].response_bytes, 3U);
}

TEST_F(Http2ExchangeTest, CountsACallInPartsAsOneExchange) {
  Open();
  Fields call = Request("/pkg.Service/Method");
  call.emplace_back("content-type", "application/grpc");
  const Fields answer = {{":status", "200"}, {"content-type", "application/grpc"}};
  const std::string message("\0\0\0\0\3abc", 8);
  Write(ssl_, Headers(1, requests_.Block(call)) + Data(1, message, kFlagEndStream), kStart);
  Read(ssl_, Headers(1, responses_.Block(answer)) + Data(1, message), kStart + kMillisecond);
  Read(ssl_, Data(1, message), kStart + 5 * kMillisecond);
  EXPECT_THAT(seen.exchanges, SizeIs(0));
  Read(ssl_, Headers(1, responses_.Block({{"grpc-status", "0"}}), kFlagEndStream),
       kStart + 7 * kMillisecond);
  ASSERT_THAT(seen.exchanges, SizeIs(1));
  EXPECT_EQ(seen.exchanges[0].target, "/pkg.Service/Method");
  EXPECT_EQ(seen.exchanges[0].last_byte_ktime_ns, kStart + 7 * kMillisecond);
}

TEST_F(Http2ExchangeTest, TellsOfARequestThatWasResetWhenTheConnectionEnds) {
  Open();
  Write(ssl_, Headers(1, requests_.Block(Request("/gone")), kFlagEndStream));
  Write(ssl_, Frame(FrameType::kRstStream, 0, 1, Uint32(8)));
  processor->Close(kStart);
  ASSERT_THAT(seen.exchanges, SizeIs(1));
  EXPECT_EQ(seen.exchanges[0].target, "/gone");
  EXPECT_EQ(seen.exchanges[0].status, 0);
}

}  // namespace
}  // namespace tlscope::testing
