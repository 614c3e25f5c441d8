// SPDX-License-Identifier: Apache-2.0
#include "agent/status/agent_status.h"

#include "agent/status/loss_table.h"
#include "processor/text/printable.h"

namespace tlscope {
namespace {

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

v1::AgentStatus MakeStatus(const StatusSnapshot& snapshot) {
  v1::AgentStatus status;
  status.set_version(snapshot.version);
  status.set_instance(snapshot.instance);
  status.set_host(FieldValue(snapshot.host));
  status.set_pid(snapshot.pid);
  status.set_uptime_ns(snapshot.uptime_ns);
  status.set_stage(std::string(StageName(snapshot.stage)));
  for (const std::string& path : snapshot.libraries)
    status.add_libraries()->set_path(FieldValue(path));
  for (const SeenProcess& process : snapshot.processes) {
    v1::ProcessStatus& told = *status.add_processes();
    told.set_pid(process.pid);
    told.set_comm(FieldValue(process.comm));
  }
  status.set_connections(snapshot.processor.workers_active);
  status.set_messages(MessagesOf(snapshot.processor));
  status.set_bytes(snapshot.processor.data_bytes);
  status.set_messages_per_second(snapshot.rates.messages_per_second);
  status.set_bytes_per_second(snapshot.rates.bytes_per_second);
  for (const Loss& loss :
       LossTable(snapshot.kernel, snapshot.processor, snapshot.rate_limited_events)) {
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
    told.set_value(FieldValue(value));
  }
  return status;
}

}  // namespace tlscope
