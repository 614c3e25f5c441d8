// SPDX-License-Identifier: Apache-2.0
#include "agent/status/agent_status.h"

#include "processor/text/printable.h"

namespace tlscope {
namespace {

std::string Harmless(std::string_view name) {
  std::string text;
  AppendFieldValue(name, text);
  return text;
}

void AddSink(const SinkSnapshot& sink, v1::AgentStatus& status) {
  v1::SinkStatus& told = *status.add_sinks();
  const SinkStats& stats = sink.stats;
  told.set_name(sink.name);
  told.set_written_blocks(stats.written_blocks);
  told.set_written_bytes(stats.written_bytes);
  told.set_dropped_blocks(stats.dropped_blocks());
  told.set_dropped_bytes(stats.dropped_bytes());
  told.set_dropped_full_blocks(stats.dropped_full_blocks);
  told.set_dropped_failed_blocks(stats.dropped_failed_blocks);
  told.set_dropped_closed_blocks(stats.dropped_closed_blocks);
  told.set_queued_blocks(stats.queued_blocks);
  told.set_queued_bytes(stats.queued_bytes);
  if (!sink.network) return;
  told.set_network(true);
  told.set_connected(stats.connections != 0);
  told.set_acknowledged_blocks(stats.acknowledged_blocks);
  told.set_unacknowledged_blocks(stats.unacknowledged_blocks);
  told.set_resent_blocks(stats.resent_blocks);
  told.set_connects(stats.connects);
  told.set_connect_failures(stats.connect_failures);
}

}  // namespace

std::vector<Loss> LossesOf(const KernelCounters& kernel, const ProcessorStats& processor,
                           std::uint64_t rate_limited_events) {
  const auto counted = [&](std::string_view cause, tlscope_counter counter) {
    return Loss{cause, kernel[counter].events, kernel[counter].bytes};
  };
  return {
      counted("ring full", TLSCOPE_COUNT_RING_FULL),
      counted("map full", TLSCOPE_COUNT_MAP_FULL),
      counted("unreadable memory", TLSCOPE_COUNT_FAULT),
      counted("over --max-payload", TLSCOPE_COUNT_TRUNCATED),
      counted("sent by SSL_sendfile", TLSCOPE_COUNT_SENDFILE),
      counted("paused", TLSCOPE_COUNT_PAUSED),
      counted("records without plaintext, ring full", TLSCOPE_COUNT_RING_FULL_META),
      counted("returns without a call", TLSCOPE_COUNT_NO_CALL),
      {"undecodable records", processor.decode_errors, 0},
      {"over --tsize or --max-body", 0, processor.cut_bytes},
      {"halves of exchanges, too many waiting", processor.exchanges_lost, 0},
      {"connections forgotten to make room", processor.workers_evicted, 0},
      {"handshakes forgotten to make room", processor.handshakes_evicted, 0},
      {"over --max-events-per-second", rate_limited_events, 0},
  };
}

v1::AgentStatus MakeStatus(const StatusSnapshot& snapshot) {
  v1::AgentStatus status;
  status.set_version(snapshot.version);
  status.set_instance(snapshot.instance);
  status.set_host(Harmless(snapshot.host));
  status.set_pid(snapshot.pid);
  status.set_uptime_ns(snapshot.uptime_ns);
  status.set_stage(std::string(StageName(snapshot.stage)));
  for (const std::string& path : snapshot.libraries)
    status.add_libraries()->set_path(Harmless(path));
  for (const SeenProcess& process : snapshot.processes) {
    v1::ProcessStatus& told = *status.add_processes();
    told.set_pid(process.pid);
    told.set_comm(Harmless(process.comm));
  }
  status.set_connections(snapshot.processor.workers_active);
  status.set_messages(MessagesOf(snapshot.processor));
  status.set_bytes(snapshot.processor.data_bytes);
  status.set_messages_per_second(snapshot.rates.messages_per_second);
  status.set_bytes_per_second(snapshot.rates.bytes_per_second);
  for (const Loss& loss :
       LossesOf(snapshot.kernel, snapshot.processor, snapshot.rate_limited_events)) {
    v1::LossStatus& told = *status.add_losses();
    told.set_cause(std::string(loss.cause));
    told.set_events(loss.events);
    told.set_bytes(loss.bytes);
  }
  for (const SinkSnapshot& sink : snapshot.sinks) AddSink(sink, status);
  status.set_clients(snapshot.clients.clients);
  status.set_subscriptions(snapshot.clients.subscriptions);
  for (const auto& [key, value] : snapshot.settings) {
    v1::Setting& told = *status.add_settings();
    told.set_key(key);
    told.set_value(Harmless(value));
  }
  return status;
}

}  // namespace tlscope
