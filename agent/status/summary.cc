// SPDX-License-Identifier: Apache-2.0
#include "agent/status/summary.h"

#include <spdlog/spdlog.h>

#include <numeric>

#include "parsers/parser_registry.h"

namespace tlscope {

std::string MessagesByType(const ProcessorStats& processor) {
  std::string text;
  for (std::size_t type = processor.messages.size(); type-- > 0;) {
    if (processor.messages[type] == 0) continue;
    if (!text.empty()) text += ", ";
    text +=
        fmt::format("{} {}", ParserName(static_cast<ParserType>(type)), processor.messages[type]);
  }
  return text.empty() ? "none" : text;
}

void PrintLosses(const KernelCounters& kernel) {
  const auto row = [&](tlscope_counter counter) { return kernel[counter]; };
  spdlog::info(
      "lost: ring full {} ({} bytes), map full {} ({} bytes), unreadable memory {} ({} bytes), "
      "over --max-payload {} ({} bytes), sent by SSL_sendfile {} ({} bytes), paused {} "
      "({} bytes)",
      row(TLSCOPE_COUNT_RING_FULL).events, row(TLSCOPE_COUNT_RING_FULL).bytes,
      row(TLSCOPE_COUNT_MAP_FULL).events, row(TLSCOPE_COUNT_MAP_FULL).bytes,
      row(TLSCOPE_COUNT_FAULT).events, row(TLSCOPE_COUNT_FAULT).bytes,
      row(TLSCOPE_COUNT_TRUNCATED).events, row(TLSCOPE_COUNT_TRUNCATED).bytes,
      row(TLSCOPE_COUNT_SENDFILE).events, row(TLSCOPE_COUNT_SENDFILE).bytes,
      row(TLSCOPE_COUNT_PAUSED).events, row(TLSCOPE_COUNT_PAUSED).bytes);
}

void PrintSummary(const KernelCounters& kernel, const Evictions& evictions,
                  const ProcessorStats& processor, const std::vector<SinkSnapshot>& outputs) {
  const auto row = [&](tlscope_counter counter) { return kernel[counter]; };
  spdlog::info("events seen: {} ({} bytes)", row(TLSCOPE_COUNT_SEEN).events,
               row(TLSCOPE_COUNT_SEEN).bytes);
  spdlog::info("delivered: {} records ({} bytes)", processor.data_events, processor.data_bytes);
  spdlog::info(
      "messages: {} ({})",
      std::accumulate(processor.messages.begin(), processor.messages.end(), std::uint64_t{0}),
      MessagesByType(processor));
  PrintLosses(kernel);
  spdlog::info(
      "lost besides: {} records without plaintext (ring full), {} returns without a call, {} "
      "undecodable "
      "records, {} bytes over --tsize",
      row(TLSCOPE_COUNT_RING_FULL_META).events, row(TLSCOPE_COUNT_NO_CALL).events,
      processor.decode_errors, processor.cut_bytes);
  spdlog::info(
      "forgotten to make room: {} SSL objects, {} threads, {} threads with memory BIOs, {} "
      "connections followed, {} handshakes",
      evictions.ssl_objects, evictions.threads, evictions.ledgers, processor.workers_evicted,
      processor.handshakes_evicted);
  spdlog::info("filtered: {} calls, {} records of unknown or other ports",
               row(TLSCOPE_COUNT_FILTERED).events, processor.filtered_events);
  PrintOutputs(outputs);
}

void PrintOutputs(const std::vector<SinkSnapshot>& outputs) {
  for (const auto& [name, sink, network] : outputs) {
    const std::uint64_t dropped = sink.dropped_blocks();
    spdlog::info("output to {}: {} messages written ({} bytes), {} dropped", name,
                 sink.written_blocks, sink.written_bytes, dropped);
    if (network) {
      spdlog::info(
          "  of those written {} were acknowledged; {} were sent again; {} connections, {} "
          "failures to connect",
          sink.acknowledged_blocks, sink.resent_blocks, sink.connects, sink.connect_failures);
    }
    if (dropped == 0) continue;
    spdlog::info(
        "  of those dropped {} for want of room, {} not delivered or refused, of which {} were "
        "sent, {} after it was closed or broke",
        sink.dropped_full_blocks, sink.dropped_failed_blocks, sink.unconfirmed_blocks,
        sink.dropped_closed_blocks);
  }
}

void PrintBusSummary(const EventBus& bus, const std::optional<SinkStats>& log) {
  spdlog::info("bus: {} events dropped by --max-events-per-second, {} missed by subscribers",
               bus.rate_limited(), bus.missed());
  if (!log) return;
  spdlog::info("event log: {} events written ({} bytes), {} dropped", log->written_blocks,
               log->written_bytes,
               log->dropped_full_blocks + log->dropped_failed_blocks + log->dropped_closed_blocks);
}

}  // namespace tlscope
