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

void PrintLosses(const std::vector<Loss>& losses) {
  for (const std::string& line : LossLines(losses)) spdlog::info("{}", line);
}

void PrintEvictions(const Evictions& evictions) {
  spdlog::info("evicted: {} SSL objects, {} threads, {} threads with memory BIOs",
               evictions.ssl_objects, evictions.threads, evictions.ledgers);
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
  PrintLosses(LossTable(kernel, processor, std::nullopt));
  PrintEvictions(evictions);
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
        "  {}; {} of the undelivered were sent",
        DropsText(sink.dropped_full_blocks, sink.dropped_failed_blocks, sink.dropped_closed_blocks),
        sink.unconfirmed_blocks);
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
