// SPDX-License-Identifier: Apache-2.0
#include "agent/status/loss_table.h"

#include <fmt/format.h>

namespace tlscope {
namespace {

std::string Counted(const Loss& loss) {
  switch (loss.unit) {
    case LossUnit::kEventsAndBytes:
      return fmt::format("{} {} ({} bytes)", loss.cause, loss.events, loss.bytes);
    case LossUnit::kBytes:
      return fmt::format("{} {} bytes", loss.cause, loss.bytes);
    case LossUnit::kEvents:
      break;
  }
  return fmt::format("{} {}", loss.cause, loss.events);
}

}  // namespace

std::vector<Loss> KernelLosses(const KernelCounters& kernel) {
  const auto plaintext = [&](std::string_view cause, tlscope_counter counter) {
    return Loss{cause, LossUnit::kEventsAndBytes, kernel[counter].events, kernel[counter].bytes};
  };
  const auto events = [&](std::string_view cause, tlscope_counter counter) {
    return Loss{cause, LossUnit::kEvents, kernel[counter].events, 0};
  };
  return {
      plaintext("ring full", TLSCOPE_COUNT_RING_FULL),
      plaintext("map full", TLSCOPE_COUNT_MAP_FULL),
      plaintext("unreadable memory", TLSCOPE_COUNT_FAULT),
      plaintext("over --max-payload", TLSCOPE_COUNT_TRUNCATED),
      plaintext("sent by SSL_sendfile", TLSCOPE_COUNT_SENDFILE),
      plaintext("paused", TLSCOPE_COUNT_PAUSED),
      plaintext("unfinished writes", TLSCOPE_COUNT_UNFINISHED),
      plaintext("calls that began unseen", TLSCOPE_COUNT_NO_CALL),
      events("records without plaintext (ring full)", TLSCOPE_COUNT_RING_FULL_META),
      events("calls that never ended", TLSCOPE_COUNT_CALLS_LEFT),
      events("calls that cannot be told apart", TLSCOPE_COUNT_CALLS_MIXED),
  };
}

std::vector<Loss> LossTable(const KernelCounters& kernel, const ProcessorStats& processor,
                            std::optional<std::uint64_t> rate_limited_events) {
  std::vector<Loss> losses = KernelLosses(kernel);
  const auto add = [&](std::string_view cause, std::uint64_t events) {
    losses.push_back({cause, LossUnit::kEvents, events, 0});
  };
  add("undecodable records", processor.decode_errors);
  losses.push_back({"over --tsize or --max-body", LossUnit::kBytes, 0, processor.cut_bytes});
  add("unpaired halves of exchanges", processor.exchanges_lost);
  add("connections evicted", processor.workers_evicted);
  add("handshakes evicted", processor.handshakes_evicted);
  if (rate_limited_events) add("over --max-events-per-second", *rate_limited_events);
  return losses;
}

std::vector<std::string> LossLines(const std::vector<Loss>& losses) {
  std::string plaintext;
  std::string others;
  for (const Loss& loss : losses) {
    std::string& line = loss.unit == LossUnit::kEventsAndBytes ? plaintext : others;
    line += (line.empty() ? "" : ", ") + Counted(loss);
  }
  return {"lost: " + plaintext, "also lost: " + others};
}

}  // namespace tlscope
