// SPDX-License-Identifier: Apache-2.0
//
// What reading HTTP/2 costs, next to nghttp2's inflater alone on the same header blocks. Each
// iteration is kStreams header lists, twice, as one connection sends them. OverInflater gives the
// cost as a multiple of the inflater's: `decode` of header lists as text, `parse` of messages.
#include <benchmark/benchmark.h>
#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <ctime>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "parsers/http2/http2_parser.h"
#include "parsers/parser_registry.h"
#include "tests/unit/parsers/http2/frame_builder.h"

namespace tlscope {
namespace {

using testing_support::Encoder;
using testing_support::Fields;

constexpr int kStreams = 100;

/// Takes the message over, as a consumer does, and frees it.
class Discard final : public MessageHandler {
 public:
  void OnMessage(Message&& message) override {
    const Message taken = std::move(message);
    benchmark::DoNotOptimize(taken.head.data());
    ++count;
  }
  std::uint64_t count = 0;
};

/// The fields of an everyday message; `number` makes some of them differ each time.
Fields RequestFields(int number) {
  return {{":method", "GET"},
          {":path", "/api/v1/items/" + std::to_string(number)},
          {":scheme", "https"},
          {":authority", "www.example.com"},
          {"user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:115.0) Gecko/20100101 Firefox/115.0"},
          {"accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"},
          {"accept-language", "en-US,en;q=0.5"},
          {"accept-encoding", "gzip, deflate, br"},
          {"cookie", "session=0123456789abcdef0123456789abcdef"},
          {"x-request-id", "7f3a-" + std::to_string(number * 7919)}};
}

Fields ResponseFields(int number) {
  return {{":status", "200"},
          {"server", "nginx/1.22.1"},
          {"date", "Sat, 21 Nov 2026 09:18:44 GMT"},
          {"content-type", "application/json"},
          {"content-length", std::to_string(1000 + number)},
          {"etag", "\"655c7f2a-" + std::to_string(number * 31) + "\""},
          {"cache-control", "max-age=3600"},
          {"vary", "Accept-Encoding"},
          {"strict-transport-security", "max-age=31536000"},
          {"x-request-id", "7f3a-" + std::to_string(number * 7919)}};
}

/// The blocks of kStreams messages, twice: the second time the table is as it stays.
std::vector<std::string> Blocks(Fields (*fields)(int)) {
  Encoder encoder;
  std::vector<std::string> blocks;
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < kStreams; ++i) blocks.push_back(encoder.Block(fields(i)));
  }
  return blocks;
}

/// One kind of message: its fields, the blocks and HEADERS frames of them, and who sends them.
struct Load {
  Load(Fields (*fields)(int), http2::Start where) : blocks(Blocks(fields)), start(where) {
    for (std::size_t i = 0; i < blocks.size(); ++i) {
      const auto id = static_cast<std::uint32_t>(2 * i + 1);
      frames.push_back(testing_support::Headers(id, blocks[i], http2::kFlagEndStream));
    }
  }
  std::vector<std::string> blocks;
  std::vector<std::string> frames;
  http2::Start start;
};

/// nghttp2's inflater alone. How many fields there were; 0 when something is wrong.
std::uint64_t Inflate(const Load& load) {
  nghttp2_hd_inflater* inflater = nullptr;
  nghttp2_hd_inflate_new(&inflater);
  std::uint64_t fields = 0;
  for (const std::string& block : load.blocks) {
    const auto* at = reinterpret_cast<const std::uint8_t*>(block.data());
    std::size_t left = block.size();
    for (int flags = 0; (flags & NGHTTP2_HD_INFLATE_FINAL) == 0;) {
      nghttp2_nv field;
      flags = 0;
      const ssize_t used = nghttp2_hd_inflate_hd2(inflater, &field, &flags, at, left, 1);
      if (used < 0) return 0;
      at += used;
      left -= static_cast<std::size_t>(used);
      fields += (flags & NGHTTP2_HD_INFLATE_EMIT) != 0 ? 1 : 0;
    }
    nghttp2_hd_inflate_end_headers(inflater);
  }
  nghttp2_hd_inflate_del(inflater);
  return fields;
}

/// The same blocks through our decoder into header lists as text. How many lists there were.
std::uint64_t Decode(const Load& load) {
  ByteBudget budget(std::numeric_limits<std::uint64_t>::max());
  http2::HeaderList list;
  http2::HpackDecoder decoder(budget);
  if (load.start == http2::Start::kLate) decoder.Lose();
  std::uint64_t lists = 0;
  for (const std::string& block : load.blocks) {
    list.Begin(ParserLimits{}.head_bytes);
    if (!decoder.Feed(block, true, list)) return 0;
    list.End();
    benchmark::DoNotOptimize(list.head().data());
    ++lists;
  }
  return lists;
}

/// The same blocks in frames, up to messages handed over. How many there were.
std::uint64_t Parse(const Load& load) {
  Discard discard;
  ByteBudget budget(std::numeric_limits<std::uint64_t>::max());
  ParserContext context{{}, budget};
  http2::Http2Parser parser(load.start, context, discard);
  if (load.start == http2::Start::kOfClient) parser.Feed(http2::kPreface, 1);
  for (const std::string& frame : load.frames) parser.Feed(frame, 1);
  return discard.count;
}

void Measure(benchmark::State& state, std::uint64_t (*work)(const Load&), const Load& load) {
  for (auto iteration : state) {
    (void)iteration;
    if (work(load) == 0) return state.SkipWithError("not everything was read");
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(load.blocks.size()));
}

std::int64_t CpuNow() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

/// What the others cost as a multiple of Inflate: in turns, so that noise is everyone's.
void OverInflater(benchmark::State& state, const Load& load) {
  constexpr std::array kWorks = {&Inflate, &Decode, &Parse};
  std::array<std::int64_t, kWorks.size()> spent_ns{};
  for (auto iteration : state) {
    (void)iteration;
    for (std::size_t i = 0; i < kWorks.size(); ++i) {
      const std::int64_t begin = CpuNow();
      benchmark::DoNotOptimize(kWorks[i](load));
      spent_ns[i] += CpuNow() - begin;
    }
  }
  const auto inflate = static_cast<double>(spent_ns[0]);
  state.counters["decode"] = static_cast<double>(spent_ns[1]) / inflate;
  state.counters["parse"] = static_cast<double>(spent_ns[2]) / inflate;
}

/// Responses with a body, in DATA frames of 16 KiB.
void ParseBodies(benchmark::State& state) {
  const auto size = static_cast<std::size_t>(state.range(0));
  Encoder encoder;
  Discard discard;
  ByteBudget budget(std::numeric_limits<std::uint64_t>::max());
  ParserContext context{{}, budget};
  http2::Http2Parser parser(http2::Start::kOfServer, context, discard);
  parser.Feed(testing_support::Headers(1, encoder.Block(ResponseFields(1)), 1), 1);
  const std::string block = encoder.Block(ResponseFields(1));
  std::string bytes = testing_support::Headers(3, block);
  for (std::size_t at = 0; at < size; at += 16384) {
    const std::size_t piece = std::min<std::size_t>(16384, size - at);
    bytes += testing_support::Data(3, std::string(piece, 'b'), at + piece == size ? 1 : 0);
  }
  for (auto iteration : state) {
    (void)iteration;
    parser.Feed(bytes, 1);
  }
  state.SetItemsProcessed(state.iterations());
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bytes.size()));
}

const Load kRequests(&RequestFields, http2::Start::kOfClient);
const Load kLateRequests(&RequestFields, http2::Start::kLate);
const Load kResponses(&ResponseFields, http2::Start::kOfServer);

BENCHMARK_CAPTURE(OverInflater, requests, kRequests);
BENCHMARK_CAPTURE(OverInflater, responses, kResponses);
BENCHMARK_CAPTURE(OverInflater, requests_joined_late, kLateRequests);
BENCHMARK_CAPTURE(Measure, inflate_requests, &Inflate, kRequests);
BENCHMARK_CAPTURE(Measure, decode_requests, &Decode, kRequests);
BENCHMARK_CAPTURE(Measure, parse_requests, &Parse, kRequests);
BENCHMARK_CAPTURE(Measure, parse_requests_joined_late, &Parse, kLateRequests);
BENCHMARK_CAPTURE(Measure, inflate_responses, &Inflate, kResponses);
BENCHMARK_CAPTURE(Measure, decode_responses, &Decode, kResponses);
BENCHMARK_CAPTURE(Measure, parse_responses, &Parse, kResponses);
BENCHMARK(ParseBodies)->Arg(1000)->Arg(100 << 10)->Arg(1 << 20);

}  // namespace
}  // namespace tlscope
