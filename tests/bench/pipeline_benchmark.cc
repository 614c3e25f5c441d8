// SPDX-License-Identifier: Apache-2.0
// The userspace path on one core: records in memory -> decode -> parse -> format -> nothing.
#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <malloc.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bpf/tlscope_abi.h"
#include "processor/base/heap.h"
#include "processor/connections/event_processor.h"
#include "processor/formats/hex_format.h"
#include "processor/formats/json_format.h"
#include "processor/formats/pcapng/pcapng_format.h"
#include "processor/formats/text_format.h"
#include "processor/outputs/output.h"
#include "processor/sinks/fd_sink.h"

namespace tlscope {
namespace {

constexpr std::uint64_t kConnections = 64;

class NullSink final : public Sink {
 public:
  bool Push(std::string block) override {
    bytes_ += block.size();
    return true;
  }
  void Close() override {}
  SinkStats stats() const override { return {.written_bytes = bytes_}; }

 private:
  std::uint64_t bytes_ = 0;
};

/// Calls of several connections, one after the other, as the ring would hold them.
class Traffic {
 public:
  explicit Traffic(std::size_t calls_reserved, std::uint64_t first_connection = 0)
      : first_connection_(first_connection) {
    records_.reserve(calls_reserved);
  }

  void Call(std::uint64_t connection, std::uint8_t direction, std::string_view bytes) {
    std::uint64_t& stream_offset = offsets_[connection * 2 + direction];
    for (std::size_t at = 0; at < bytes.size(); at += TLSCOPE_CHUNK_MAX) {
      AddChunk(connection, direction, stream_offset, bytes, at);
    }
    stream_offset += bytes.size();
  }

  /// Moves every stream on by what one round carried, so that records can be used again.
  void NextRound() {
    for (Record& record : records_) {
      tlscope_ssl_data wire;
      std::memcpy(&wire, record.bytes.data(), sizeof wire);
      wire.stream_offset += offsets_[record.stream];
      wire.header.ktime_ns += 1'000'000;
      std::memcpy(record.bytes.data(), &wire, sizeof wire);
    }
  }

  void FeedTo(EventProcessor& processor) const {
    for (const Record& record : records_) processor.OnRecord(record.bytes);
  }

  std::size_t plaintext_bytes() const {
    std::size_t bytes = 0;
    for (const std::uint64_t offset : offsets_) bytes += offset;
    return bytes;
  }

  /// What is the least that can be done: every payload copied once.
  void CopyTo(std::string& out) const {
    for (const Record& record : records_) {
      const std::size_t bytes = record.bytes.size() - sizeof(tlscope_ssl_data);
      std::memcpy(out.data(), record.bytes.data() + sizeof(tlscope_ssl_data), bytes);
      benchmark::DoNotOptimize(out.data());
      benchmark::ClobberMemory();
    }
  }

 private:
  struct Record {
    std::size_t stream;
    std::vector<std::byte> bytes;
  };

  void AddChunk(std::uint64_t connection, std::uint8_t direction, std::uint64_t stream_offset,
                std::string_view call, std::size_t at) {
    const std::string_view chunk = call.substr(at, TLSCOPE_CHUNK_MAX);
    tlscope_ssl_data wire{};
    wire.header.type = TLSCOPE_RECORD_SSL_DATA;
    wire.header.version = TLSCOPE_ABI_VERSION;
    wire.header.size = static_cast<std::uint32_t>(sizeof wire + chunk.size());
    wire.header.ktime_ns = 1'000'000'000'000 + records_.size() * 1000;
    wire.header.tgid = 1234;
    wire.header.tid = 1234;
    std::memcpy(wire.header.comm, "nginx", 6);
    wire.ssl = 0x7f00'0000'0000 + (first_connection_ + connection) * 4096;
    wire.sock = 0xffff'8880'0000'0000 + (first_connection_ + connection) * 4096;
    wire.stream_offset = stream_offset;
    wire.total_len = call.size();
    wire.chunk_offset = at;
    wire.chunk_len = static_cast<std::uint32_t>(chunk.size());
    wire.fd = 7;
    wire.tuple.family = TLSCOPE_AF_INET;
    wire.tuple.saddr[0] = wire.tuple.daddr[0] = 10;
    wire.tuple.sport = 443;
    wire.tuple.dport = static_cast<std::uint16_t>(40000 + connection);
    wire.direction = direction;
    std::vector<std::byte> bytes(sizeof wire + chunk.size());
    std::memcpy(bytes.data(), &wire, sizeof wire);
    std::memcpy(bytes.data() + sizeof wire, chunk.data(), chunk.size());
    records_.push_back({connection * 2 + direction, std::move(bytes)});
  }

  std::vector<Record> records_;
  std::vector<std::uint64_t> offsets_ = std::vector<std::uint64_t>(kConnections * 2);
  std::uint64_t first_connection_;
};

std::string PadTo(std::string head, std::size_t bytes) {
  constexpr std::string_view kField = "X-Pad: ";
  head += kField;
  head.append(bytes - head.size() - 4, 'x');
  return head + "\r\n\r\n";
}

/// Requests of `message_bytes` answered by responses of as many, all of it heads.
Traffic SmallMessages(std::size_t message_bytes) {
  const std::string request =
      PadTo("GET /index.html?query=value HTTP/1.1\r\nHost: www.example.com\r\nAccept: */*\r\n",
            message_bytes);
  const std::string response =
      PadTo("HTTP/1.1 200 OK\r\nServer: nginx\r\nContent-Type: text/plain\r\nContent-Length: 0\r\n",
            message_bytes);
  Traffic traffic(kConnections * 2);
  for (std::uint64_t i = 0; i < kConnections; ++i) {
    traffic.Call(i, TLSCOPE_READ, request);
    traffic.Call(i, TLSCOPE_WRITE, response);
  }
  return traffic;
}

/// Short requests answered by bodies of `body_bytes`, head and body in calls of their own.
Traffic LargeBodies(std::size_t body_bytes) {
  const std::string request = "GET / HTTP/1.1\r\nHost: www.example.com\r\n\r\n";
  const std::string head =
      "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body_bytes) + "\r\n\r\n";
  const std::string body(body_bytes, 'b');
  Traffic traffic(kConnections * 3);
  for (std::uint64_t i = 0; i < kConnections; ++i) {
    traffic.Call(i, TLSCOPE_READ, request);
    traffic.Call(i, TLSCOPE_WRITE, head);
    traffic.Call(i, TLSCOPE_WRITE, body);
  }
  return traffic;
}

/// Bytes of no protocol, all the same: which decides between text and hex dump.
Traffic RawBytes(std::size_t bytes, char byte) {
  const std::string call(bytes, byte);
  Traffic traffic(kConnections * 2);
  for (std::uint64_t i = 0; i < kConnections; ++i) {
    traffic.Call(i, TLSCOPE_READ, call);
    traffic.Call(i, TLSCOPE_WRITE, call);
  }
  return traffic;
}

void RunPipeline(benchmark::State& state, Traffic traffic, Sink& sink,
                 std::unique_ptr<Format> format = std::make_unique<TextFormat>(TextFormatOptions{}),
                 std::string_view topics = "#") {
  KeepFreedMemory();  // as the agent does
  EventBus bus;
  Output output(std::move(format), sink);
  if (!bus.Subscribe(topics, output)) state.SkipWithError("no subscription");
  EventProcessor processor({}, bus);
  const std::size_t round_bytes = traffic.plaintext_bytes();
  while (state.KeepRunning()) {
    traffic.FeedTo(processor);
    state.PauseTiming();
    traffic.NextRound();
    state.ResumeTiming();
  }
  const ProcessorStats& stats = processor.stats();
  state.counters["refused"] = static_cast<double>(output.stats().refused_events);
  if (stats.gaps + stats.overlaps + stats.decode_errors != 0) state.SkipWithError("bad traffic");
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(round_bytes));
  state.SetItemsProcessed(static_cast<std::int64_t>(output.stats().events));
}

void RunPipeline(benchmark::State& state, Traffic traffic) {
  NullSink sink;
  RunPipeline(state, std::move(traffic), sink);
}

void BM_PipelineSmallMessages(benchmark::State& state) {
  RunPipeline(state, SmallMessages(static_cast<std::size_t>(state.range(0))));
}
BENCHMARK(BM_PipelineSmallMessages)->Arg(200)->Arg(1000);

void BM_PipelineBodies(benchmark::State& state) {
  RunPipeline(state, LargeBodies(static_cast<std::size_t>(state.range(0))));
}
BENCHMARK(BM_PipelineBodies)->Arg(16 << 10)->Arg(100 << 10);

void BM_PipelineRawText(benchmark::State& state) { RunPipeline(state, RawBytes(4096, '.')); }
BENCHMARK(BM_PipelineRawText);

void BM_PipelineRawHexDump(benchmark::State& state) { RunPipeline(state, RawBytes(4096, '\x01')); }
BENCHMARK(BM_PipelineRawHexDump);

template <class OtherFormat>
void RunPipelineAs(benchmark::State& state, Traffic traffic) {
  NullSink sink;
  RunPipeline(state, std::move(traffic), sink, std::make_unique<OtherFormat>(0));
}

void BM_JsonSmallMessages(benchmark::State& state) {
  RunPipelineAs<JsonFormat>(state, SmallMessages(static_cast<std::size_t>(state.range(0))));
}
BENCHMARK(BM_JsonSmallMessages)->Arg(200)->Arg(1000);

void BM_JsonBodies(benchmark::State& state) {
  RunPipelineAs<JsonFormat>(state, LargeBodies(static_cast<std::size_t>(state.range(0))));
}
BENCHMARK(BM_JsonBodies)->Arg(16 << 10)->Arg(100 << 10);

/// In base64.
void BM_JsonRawBinary(benchmark::State& state) {
  RunPipelineAs<JsonFormat>(state, RawBytes(4096, '\xff'));
}
BENCHMARK(BM_JsonRawBinary);

void BM_HexSmallMessages(benchmark::State& state) {
  RunPipelineAs<HexFormat>(state, SmallMessages(static_cast<std::size_t>(state.range(0))));
}
BENCHMARK(BM_HexSmallMessages)->Arg(200)->Arg(1000);

void RunPcapng(benchmark::State& state, Traffic traffic) {
  NullSink sink;
  RunPipeline(state, std::move(traffic), sink, std::make_unique<PcapngFormat>(PcapngOptions{}),
              "events.tls.plaintext");
}

void BM_PcapngSmallMessages(benchmark::State& state) {
  RunPcapng(state, SmallMessages(static_cast<std::size_t>(state.range(0))));
}
BENCHMARK(BM_PcapngSmallMessages)->Arg(200);

void BM_PcapngBodies(benchmark::State& state) {
  RunPcapng(state, LargeBodies(static_cast<std::size_t>(state.range(0))));
}
BENCHMARK(BM_PcapngBodies)->Arg(16 << 10)->Arg(100 << 10);

/// Text through the queue and the writer thread of a real output.
void BM_PipelineSmallMessagesToDescriptor(benchmark::State& state) {
  const int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
  Result<std::unique_ptr<FdSink>> sink = FdSink::Open(fd);
  if (sink) {
    RunPipeline(state, SmallMessages(200), **sink);
    (*sink)->Close();
  } else {
    state.SkipWithError("no sink");
  }
  close(fd);
}
BENCHMARK(BM_PipelineSmallMessagesToDescriptor)->UseRealTime();

/// What a connection costs after it has gone quiet: a request and a response with a body each.
void BM_IdleConnections(benchmark::State& state) {
  const auto connections = static_cast<std::uint64_t>(state.range(0));
  const std::string request = PadTo("GET / HTTP/1.1\r\nHost: www.example.com\r\n", 400);
  const std::string response =
      "HTTP/1.1 200 OK\r\nContent-Length: 4000\r\n\r\n" + std::string(4000, 'b');
  while (state.KeepRunning()) {
    EventBus bus;
    EventProcessor processor({}, bus);
    const std::size_t before = mallinfo2().uordblks;
    for (std::uint64_t i = 0; i < connections; ++i) {
      Traffic traffic(2, i);
      traffic.Call(0, TLSCOPE_READ, request);
      traffic.Call(0, TLSCOPE_WRITE, response);
      traffic.FeedTo(processor);
    }
    const auto bytes = static_cast<double>(mallinfo2().uordblks - before);
    state.counters["bytes_per_connection"] = bytes / static_cast<double>(connections);
    if (processor.stats().workers_active != connections) state.SkipWithError("lost some");
  }
}
BENCHMARK(BM_IdleConnections)->Arg(100'000)->Unit(benchmark::kMillisecond);

/// The floor: one memcpy of the same payloads.
void BM_MemcpyBodies(benchmark::State& state) {
  const Traffic traffic = LargeBodies(static_cast<std::size_t>(state.range(0)));
  std::string out(TLSCOPE_CHUNK_MAX, '\0');
  while (state.KeepRunning()) traffic.CopyTo(out);
  state.SetBytesProcessed(state.iterations() *
                          static_cast<std::int64_t>(traffic.plaintext_bytes()));
}
BENCHMARK(BM_MemcpyBodies)->Arg(16 << 10)->Arg(100 << 10);

}  // namespace
}  // namespace tlscope
