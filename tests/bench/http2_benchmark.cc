// SPDX-License-Identifier: Apache-2.0
//
// What reading HTTP/2 costs, next to nghttp2's inflater alone on the same header blocks. Each
// iteration is kStreams header lists as one connection sends them over and over.
#include <benchmark/benchmark.h>
#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <cstdint>
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

void InflateOnly(benchmark::State& state, Fields (*fields)(int)) {
  const std::vector<std::string> blocks = Blocks(fields);
  std::size_t bytes = 0;
  for (auto iteration : state) {
    (void)iteration;
    nghttp2_hd_inflater* inflater = nullptr;
    nghttp2_hd_inflate_new(&inflater);
    for (const std::string& block : blocks) {
      const auto* at = reinterpret_cast<const std::uint8_t*>(block.data());
      std::size_t left = block.size();
      for (int flags = 0; (flags & NGHTTP2_HD_INFLATE_FINAL) == 0;) {
        nghttp2_nv field;
        flags = 0;
        const ssize_t used = nghttp2_hd_inflate_hd2(inflater, &field, &flags, at, left, 1);
        if (used < 0) return state.SkipWithError("cannot inflate");
        at += used;
        left -= static_cast<std::size_t>(used);
        bytes += field.namelen;
      }
      nghttp2_hd_inflate_end_headers(inflater);
    }
    nghttp2_hd_inflate_del(inflater);
  }
  benchmark::DoNotOptimize(bytes);
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(blocks.size()));
}

/// The same blocks through our decoder into header lists as text.
void Decode(benchmark::State& state, Fields (*fields)(int)) {
  const std::vector<std::string> blocks = Blocks(fields);
  ByteBudget budget(std::numeric_limits<std::uint64_t>::max());
  http2::HeaderList list;
  for (auto iteration : state) {
    (void)iteration;
    http2::HpackDecoder decoder(budget);
    for (const std::string& block : blocks) {
      list.Begin(ParserLimits{}.head_bytes);
      if (!decoder.Feed(block, true, list)) return state.SkipWithError("cannot decode");
      list.End();
      benchmark::DoNotOptimize(list.head().data());
    }
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(blocks.size()));
}

void Parse(benchmark::State& state, Fields (*fields)(int), http2::Start start) {
  const std::vector<std::string> blocks = Blocks(fields);
  std::vector<std::string> frames;
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    const auto id = static_cast<std::uint32_t>(2 * i + 1);
    frames.push_back(testing_support::Headers(id, blocks[i], http2::kFlagEndStream));
  }
  Discard discard;
  ByteBudget budget(std::numeric_limits<std::uint64_t>::max());
  for (auto iteration : state) {
    (void)iteration;
    ParserContext context{{}, budget};
    http2::Http2Parser parser(start, context, discard);
    if (start == http2::Start::kOfClient) parser.Feed(http2::kPreface, 1);
    for (const std::string& frame : frames) parser.Feed(frame, 1);
  }
  if (discard.count != static_cast<std::uint64_t>(state.iterations()) * frames.size()) {
    state.SkipWithError("not every message was reported");
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(discard.count));
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

BENCHMARK_CAPTURE(InflateOnly, requests, &RequestFields);
BENCHMARK_CAPTURE(Decode, requests, &RequestFields);
BENCHMARK_CAPTURE(Parse, requests, &RequestFields, http2::Start::kOfClient);
BENCHMARK_CAPTURE(Parse, requests_joined_late, &RequestFields, http2::Start::kLate);
BENCHMARK_CAPTURE(InflateOnly, responses, &ResponseFields);
BENCHMARK_CAPTURE(Decode, responses, &ResponseFields);
BENCHMARK_CAPTURE(Parse, responses, &ResponseFields, http2::Start::kOfServer);
BENCHMARK(ParseBodies)->Arg(1000)->Arg(100 << 10)->Arg(1 << 20);

}  // namespace
}  // namespace tlscope
