// SPDX-License-Identifier: Apache-2.0
//
// What parsing one HTTP/1.x response costs, next to copying its bytes once.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "parsers/http1/http1_parser.h"
#include "parsers/parser_registry.h"

namespace tlscope {
namespace {

constexpr std::size_t kCallBytes = 16U << 10;  // a TLS record's plaintext

/// Takes the message over, as a consumer does, and frees it.
class Discard final : public MessageHandler {
 public:
  void OnMessage(Message&& message) override {
    const Message taken = std::move(message);
    benchmark::DoNotOptimize(taken.body.data());
    ++count;
  }
  std::uint64_t count = 0;
};

/// A head of about `bytes` bytes whose fields are of usual lengths.
std::string HeadOf(std::string head, std::size_t bytes) {
  int number = 0;
  while (head.size() + 60 < bytes) {
    head += "X-Header-Name-" + std::to_string(number++) + ": a value of everyday length here\r\n";
  }
  if (head.size() + 9 < bytes) head += "X-P: " + std::string(bytes - head.size() - 9, 'p') + "\r\n";
  return head + "\r\n";
}

std::string LengthMessage(std::size_t head_bytes, std::size_t body_bytes) {
  return HeadOf("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body_bytes) + "\r\n",
                head_bytes) +
         std::string(body_bytes, 'b');
}

std::string ChunkedMessage(std::size_t head_bytes, std::size_t body_bytes) {
  std::string message = HeadOf("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n", head_bytes);
  constexpr std::size_t kChunk = 8192;
  for (std::size_t at = 0; at < body_bytes; at += kChunk) {
    message += "2000\r\n" + std::string(kChunk, 'b') + "\r\n";
  }
  return message + "0\r\n\r\n";
}

void Report(benchmark::State& state, std::size_t bytes) {
  state.SetItemsProcessed(state.iterations());
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bytes));
}

/// One message an iteration, in calls of at most kCallBytes.
void ParseMessage(benchmark::State& state, const std::string& message) {
  ByteBudget budget(std::numeric_limits<std::uint64_t>::max());
  ParserContext context{{}, budget, {}};
  Discard discard;
  http1::Http1Parser parser(http1::Role::kResponse, context, discard);
  std::uint64_t ktime_ns = 0;
  for (auto iteration : state) {
    (void)iteration;
    context.http1.OnRequest(http1::MethodKind::kOther, false);
    const std::string_view bytes = message;
    for (std::size_t at = 0; at < bytes.size(); at += kCallBytes) {
      parser.Feed(bytes.substr(at, kCallBytes), ++ktime_ns);
    }
  }
  if (discard.count != static_cast<std::uint64_t>(state.iterations())) {
    state.SkipWithError("not every message was reported");
  }
  Report(state, message.size());
}

void CopyMessage(benchmark::State& state, const std::string& message) {
  std::vector<char> copy(message.size());
  for (auto iteration : state) {
    (void)iteration;
    std::memcpy(copy.data(), message.data(), message.size());
    benchmark::DoNotOptimize(copy.data());
    benchmark::ClobberMemory();
  }
  Report(state, message.size());
}

void ParseRequest(benchmark::State& state, const std::string& message) {
  ByteBudget budget(std::numeric_limits<std::uint64_t>::max());
  Discard discard;
  ParserContext context{{}, budget, {}};
  http1::Http1Parser parser(http1::Role::kRequest, context, discard);
  for (auto iteration : state) {
    (void)iteration;
    parser.Feed(message, 1);
    context.http1.OnFinalResponse();
    context.http1.OnFinalResponseEnd();
  }
  Report(state, message.size());
}

std::string RequestMessage(std::size_t head_bytes) {
  return HeadOf("GET /index.html HTTP/1.1\r\nHost: a.example\r\n", head_bytes);
}

#define TLSCOPE_BENCHMARK(name, message)          \
  BENCHMARK_CAPTURE(ParseMessage, name, message); \
  BENCHMARK_CAPTURE(CopyMessage, name, message)

BENCHMARK_CAPTURE(ParseRequest, head_100, RequestMessage(100));
BENCHMARK_CAPTURE(ParseRequest, head_700, RequestMessage(700));
BENCHMARK_CAPTURE(ParseRequest, head_4000, RequestMessage(4000));
TLSCOPE_BENCHMARK(head_100, LengthMessage(100, 0));
TLSCOPE_BENCHMARK(head_700, LengthMessage(700, 0));
TLSCOPE_BENCHMARK(head_4000, LengthMessage(4000, 0));
TLSCOPE_BENCHMARK(head_100_body_100, LengthMessage(100, 100));
TLSCOPE_BENCHMARK(length_16KiB, LengthMessage(200, 16U << 10));
TLSCOPE_BENCHMARK(length_1MiB, LengthMessage(200, 1U << 20));
TLSCOPE_BENCHMARK(chunked_16KiB, ChunkedMessage(200, 16U << 10));
TLSCOPE_BENCHMARK(chunked_1MiB, ChunkedMessage(200, 1U << 20));

}  // namespace
}  // namespace tlscope
