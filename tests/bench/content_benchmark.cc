// SPDX-License-Identifier: Apache-2.0
//
// What decoding a body as it streams by costs, next to the bare library on the same bytes.
#include <benchmark/benchmark.h>
#include <brotli/decode.h>
#include <brotli/encode.h>
#include <zlib.h>
#include <zstd.h>

#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "parsers/content/content_decoder.h"

namespace tlscope::content {
namespace {

constexpr std::size_t kCallBytes = 16U << 10;  // a TLS record's plaintext

/// Lines of JSON that compress about as well as real ones.
std::string Text(std::size_t bytes) {
  std::string text;
  std::uint32_t random = 1;
  while (text.size() < bytes) {
    random = random * 1664525U + 1013904223U;
    text += "{\"id\":" + std::to_string(random) + ",\"name\":\"item " +
            std::to_string(random >> 20U) + "\",\"price\":" + std::to_string(random >> 24U) +
            ",\"in_stock\":true}\n";
  }
  text.resize(bytes);
  return text;
}

std::string Encode(Coding coding, const std::string& plain) {
  std::string out(2 * plain.size() + 1024, '\0');
  switch (coding) {
    case Coding::kGzip:
    case Coding::kDeflate: {
      z_stream stream{};
      deflateInit2(&stream, 6, Z_DEFLATED, coding == Coding::kGzip ? MAX_WBITS + 16 : MAX_WBITS, 8,
                   Z_DEFAULT_STRATEGY);
      stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(plain.data()));
      stream.avail_in = static_cast<uInt>(plain.size());
      stream.next_out = reinterpret_cast<Bytef*>(out.data());
      stream.avail_out = static_cast<uInt>(out.size());
      deflate(&stream, Z_FINISH);
      out.resize(stream.total_out);
      deflateEnd(&stream);
      break;
    }
    case Coding::kBrotli: {
      std::size_t size = out.size();
      BrotliEncoderCompress(5, BROTLI_DEFAULT_WINDOW, BROTLI_MODE_TEXT, plain.size(),
                            reinterpret_cast<const std::uint8_t*>(plain.data()), &size,
                            reinterpret_cast<std::uint8_t*>(out.data()));
      out.resize(size);
      break;
    }
    case Coding::kZstd:
      out.resize(ZSTD_compress(out.data(), out.size(), plain.data(), plain.size(), 3));
      break;
  }
  return out;
}

class Discard final : public ContentSink {
 public:
  void OnContent(std::string_view content) override {
    benchmark::DoNotOptimize(content.data());
    bytes += content.size();
  }
  void Retract(std::uint64_t count) override { bytes -= count; }
  std::uint64_t bytes = 0;
};

void Report(benchmark::State& state, std::uint64_t decoded, std::size_t expected) {
  if (decoded != static_cast<std::uint64_t>(state.iterations()) * expected) {
    state.SkipWithError("not everything was decoded");
  }
  state.SetItemsProcessed(state.iterations());
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(expected));
}

/// One body an iteration, in calls of at most kCallBytes.
void Ours(benchmark::State& state, Coding coding) {
  const std::string plain = Text(static_cast<std::size_t>(state.range(0)));
  const std::string encoded = Encode(coding, plain);
  CodingList codings;
  codings.AddOne(CodingName(coding));
  ByteBudget budget(std::numeric_limits<std::uint64_t>::max());
  Discard sink;
  for (auto iteration : state) {
    (void)iteration;
    ContentDecoder decoder(codings, {}, budget);
    const std::string_view bytes = encoded;
    for (std::size_t at = 0; at < bytes.size(); at += kCallBytes) {
      decoder.Feed(bytes.substr(at, kCallBytes), sink);
    }
    decoder.Finish(sink);
  }
  Report(state, sink.bytes, plain.size());
}

std::uint64_t Bare(Coding coding, const std::string& encoded, std::vector<char>& out) {
  if (coding == Coding::kZstd) {
    ZSTD_DStream* const stream = ZSTD_createDStream();
    ZSTD_inBuffer input{encoded.data(), encoded.size(), 0};
    std::uint64_t total = 0;
    std::size_t hint = 1;
    while (hint != 0) {
      ZSTD_outBuffer output{out.data(), out.size(), 0};
      hint = ZSTD_decompressStream(stream, &output, &input);
      total += output.pos;
    }
    ZSTD_freeDStream(stream);
    return total;
  }
  if (coding == Coding::kBrotli) {
    BrotliDecoderState* const state = BrotliDecoderCreateInstance(nullptr, nullptr, nullptr);
    std::size_t in = encoded.size();
    const auto* next_in = reinterpret_cast<const std::uint8_t*>(encoded.data());
    std::size_t total = 0;
    BrotliDecoderResult result = BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT;
    while (result == BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT) {
      std::size_t room = out.size();
      auto* next_out = reinterpret_cast<std::uint8_t*>(out.data());
      result = BrotliDecoderDecompressStream(state, &in, &next_in, &room, &next_out, &total);
    }
    BrotliDecoderDestroyInstance(state);
    return total;
  }
  z_stream stream{};
  inflateInit2(&stream, coding == Coding::kGzip ? MAX_WBITS + 16 : MAX_WBITS);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(encoded.data()));
  stream.avail_in = static_cast<uInt>(encoded.size());
  int code = Z_OK;
  while (code == Z_OK) {
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    code = inflate(&stream, Z_NO_FLUSH);
  }
  inflateEnd(&stream);
  return stream.total_out;
}

/// The library's own loop over the whole body, into a buffer of the size of ours.
void Library(benchmark::State& state, Coding coding) {
  const std::string plain = Text(static_cast<std::size_t>(state.range(0)));
  const std::string encoded = Encode(coding, plain);
  std::vector<char> out(16U << 10);
  std::uint64_t total = 0;
  for (auto iteration : state) {
    (void)iteration;
    total += Bare(coding, encoded, out);
  }
  Report(state, total, plain.size());
}

#define TLSCOPE_BENCHMARK(name, coding)                                             \
  BENCHMARK_CAPTURE(Ours, name, coding)->Arg(1 << 10)->Arg(64 << 10)->Arg(4 << 20); \
  BENCHMARK_CAPTURE(Library, name, coding)->Arg(1 << 10)->Arg(64 << 10)->Arg(4 << 20)

TLSCOPE_BENCHMARK(gzip, Coding::kGzip);
TLSCOPE_BENCHMARK(deflate, Coding::kDeflate);
TLSCOPE_BENCHMARK(br, Coding::kBrotli);
TLSCOPE_BENCHMARK(zstd, Coding::kZstd);

}  // namespace
}  // namespace tlscope::content
