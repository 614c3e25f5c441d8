// SPDX-License-Identifier: Apache-2.0
#include "processor/metrics/agent_metrics.h"

#include <iterator>
#include <utility>

#include "parsers/parser_registry.h"

namespace tlscope {
namespace {

using Samples = std::vector<MetricSample>;
using Collect = void (*)(const AgentCounters&, Samples&);

constexpr auto kCounter = MetricType::kCounter;
constexpr auto kGauge = MetricType::kGauge;

template <class Value>
void Add(Samples& samples, Value value) {
  samples.push_back({{}, value});
}

template <class Value>
void Add(Samples& samples, std::string label, std::string label_value, Value value) {
  samples.push_back({{{std::move(label), std::move(label_value)}}, value});
}

void BuildInfo(const AgentCounters& counters, Samples& samples) {
  Add(samples, "version", counters.version, std::uint64_t{1});
}

void MessagesByParser(const AgentCounters& counters, Samples& samples) {
  const auto& messages = counters.processor.messages;
  for (std::size_t type = 0; type < messages.size(); ++type) {
    Add(samples, "parser", std::string(ParserName(static_cast<ParserType>(type))), messages[type]);
  }
}

template <auto kField>
void Agent(const AgentCounters& counters, Samples& samples) {
  Add(samples, counters.*kField);
}

template <auto kField>
void Processor(const AgentCounters& counters, Samples& samples) {
  Add(samples, counters.processor.*kField);
}

template <auto kField>
void Bus(const AgentCounters& counters, Samples& samples) {
  Add(samples, counters.bus.*kField);
}

void PublishedByTopic(const AgentCounters& counters, Samples& samples) {
  for (const TopicCounters& topic : counters.bus.topics) {
    Add(samples, "topic", topic.topic, topic.published);
  }
}

template <auto kField>
void Ipc(const AgentCounters& counters, Samples& samples) {
  Add(samples, counters.ipc.*kField);
}

template <tlscope_counter kCounterRow, auto kField>
void Kernel(const AgentCounters& counters, Samples& samples) {
  Add(samples, std::uint64_t{counters.kernel[kCounterRow].*kField});
}

/// A row of the kernel's counters that is a loss.
struct LossCause {
  const char* cause;
  tlscope_counter row;
  bool has_bytes;  ///< whether SEEN.bytes includes what was lost
};
constexpr LossCause kLossCauses[] = {
    {"ring_full", TLSCOPE_COUNT_RING_FULL, true},
    {"map_full", TLSCOPE_COUNT_MAP_FULL, true},
    {"fault", TLSCOPE_COUNT_FAULT, true},
    {"truncated", TLSCOPE_COUNT_TRUNCATED, true},
    {"sendfile", TLSCOPE_COUNT_SENDFILE, true},
    {"paused", TLSCOPE_COUNT_PAUSED, true},
    {"unfinished", TLSCOPE_COUNT_UNFINISHED, true},
    {"no_call", TLSCOPE_COUNT_NO_CALL, true},
    {"calls_left", TLSCOPE_COUNT_CALLS_LEFT, false},
    {"calls_mixed", TLSCOPE_COUNT_CALLS_MIXED, false},
    {"ring_full_meta", TLSCOPE_COUNT_RING_FULL_META, false},
};

void LostEvents(const AgentCounters& counters, Samples& samples) {
  for (const LossCause& loss : kLossCauses) {
    Add(samples, "cause", loss.cause, std::uint64_t{counters.kernel[loss.row].events});
  }
}

void LostBytes(const AgentCounters& counters, Samples& samples) {
  for (const LossCause& loss : kLossCauses) {
    if (!loss.has_bytes) continue;
    Add(samples, "cause", loss.cause, std::uint64_t{counters.kernel[loss.row].bytes});
  }
}

/// Of the tables that forget the oldest entry when they are full.
template <tlscope_counter kSslObjects, tlscope_counter kThreads, tlscope_counter kLedgers>
void Tables(const AgentCounters& counters, Samples& samples) {
  const auto events = [&](tlscope_counter row) {
    return std::uint64_t{counters.kernel[row].events};
  };
  Add(samples, "table", "ssl_objects", events(kSslObjects));
  Add(samples, "table", "threads", events(kThreads));
  Add(samples, "table", "ledgers", events(kLedgers));
}

template <auto kField>
void Sinks(const AgentCounters& counters, Samples& samples) {
  for (const SinkCounters& sink : counters.sinks) {
    Add(samples, "sink", sink.name, sink.stats.*kField);
  }
}

template <auto kFull, auto kFailed, auto kClosed>
void SinkDrops(const AgentCounters& counters, Samples& samples) {
  const auto add = [&](const SinkCounters& sink, const char* cause, std::uint64_t value) {
    samples.push_back({{{"sink", sink.name}, {"cause", cause}}, value});
  };
  for (const SinkCounters& sink : counters.sinks) {
    add(sink, "full", sink.stats.*kFull);
    add(sink, "failed", sink.stats.*kFailed);
    add(sink, "closed", sink.stats.*kClosed);
  }
}

template <auto kField>
void Endpoint(const AgentCounters& counters, Samples& samples) {
  Add(samples, counters.endpoint.*kField);
}

void EndpointDrops(const AgentCounters& counters, Samples& samples) {
  Add(samples, "cause", "displaced", counters.endpoint.displaced);
  Add(samples, "cause", "deadline", counters.endpoint.timed_out);
  Add(samples, "cause", "malformed", counters.endpoint.malformed);
  Add(samples, "cause", "accept", counters.endpoint.accept_failures);
}

struct Row {
  MetricDescription description;
  Collect collect;
};

// The only place where a metric is named. The help texts stand in README.md as well.
constexpr Row kRows[] = {
    {{"tlscope_build_info", kGauge, "version", "Always 1; the label is the agent's version."},
     BuildInfo},
    {{"tlscope_uptime_seconds", kGauge, "", "Time since the agent started."},
     Agent<&AgentCounters::uptime_seconds>},
    {{"tlscope_libraries_attached", kGauge, "", "TLS libraries that are probed now."},
     Agent<&AgentCounters::libraries_attached>},
    {{"tlscope_processes_watched", kGauge, "", "Processes that are watched now."},
     Agent<&AgentCounters::processes_watched>},

    {{"tlscope_kernel_seen_calls_total", kCounter, "",
      "Calls of TLS libraries that moved plaintext and passed the filters."},
     Kernel<TLSCOPE_COUNT_SEEN, &tlscope_counter_row::events>},
    {{"tlscope_kernel_seen_bytes_total", kCounter, "",
      "Plaintext those calls moved: tlscope_data_bytes_total and "
      "tlscope_kernel_lost_bytes_total add up to it once all records are read."},
     Kernel<TLSCOPE_COUNT_SEEN, &tlscope_counter_row::bytes>},
    {{"tlscope_kernel_lost_events_total", kCounter, "cause",
      "Calls or records whose data never left the kernel: ring_full (the reader is too slow), "
      "map_full (too many connections), fault (unreadable memory), truncated (larger than "
      "--max-payload), sendfile (the bytes never were in user memory), paused (by command), "
      "unfinished (writes that sent something and never ended well; at most so many bytes), "
      "no_call (a call that began unseen, before the capture), calls_left (a call that never "
      "ended: "
      "an exception or a cancelled thread left it), calls_mixed (a call that cannot be told apart "
      "from another), ring_full_meta (records without plaintext)."},
     LostEvents},
    {{"tlscope_kernel_lost_bytes_total", kCounter, "cause",
      "Plaintext that never left the kernel, where its length is known."},
     LostBytes},
    {{"tlscope_kernel_filtered_calls_total", kCounter, "",
      "Calls that a filter turned away in the kernel."},
     Kernel<TLSCOPE_COUNT_FILTERED, &tlscope_counter_row::events>},
    {{"tlscope_kernel_table_entries_made_total", kCounter, "table",
      "Entries made in the kernel's tables of what lives: SSL objects, threads inside a call, and "
      "ledgers of threads that move TLS records themselves."},
     Tables<TLSCOPE_COUNT_STREAMS_MADE, TLSCOPE_COUNT_THREADS_MADE, TLSCOPE_COUNT_LEDGERS_MADE>},
    {{"tlscope_kernel_table_entries_ended_total", kCounter, "table",
      "Entries of those tables whose object came to its end."},
     Tables<TLSCOPE_COUNT_STREAMS_ENDED, TLSCOPE_COUNT_THREADS_ENDED, TLSCOPE_COUNT_LEDGERS_ENDED>},

    {{"tlscope_records_total", kCounter, "", "Records read from the kernel."},
     Processor<&ProcessorStats::records>},
    {{"tlscope_record_decode_errors_total", kCounter, "", "Records that could not be decoded."},
     Processor<&ProcessorStats::decode_errors>},
    {{"tlscope_data_events_total", kCounter, "", "Records that carried plaintext."},
     Processor<&ProcessorStats::data_events>},
    {{"tlscope_data_bytes_total", kCounter, "", "Plaintext they carried."},
     Processor<&ProcessorStats::data_bytes>},
    {{"tlscope_connection_events_total", kCounter, "", "Sockets seen to open or close."},
     Processor<&ProcessorStats::connection_events>},
    {{"tlscope_ssl_ends_total", kCounter, "", "SSL objects that their program freed."},
     Processor<&ProcessorStats::ssl_ends>},
    {{"tlscope_handshake_events_total", kCounter, "", "Parts of TLS handshakes seen."},
     Processor<&ProcessorStats::handshake_events>},
    {{"tlscope_handshakes_evicted_total", kCounter, "",
      "Handshakes forgotten to make room for others; their connections lack version and names."},
     Processor<&ProcessorStats::handshakes_evicted>},
    {{"tlscope_filtered_events_total", kCounter, "",
      "Plaintext records dropped because their connection has no wanted port."},
     Processor<&ProcessorStats::filtered_events>},
    {{"tlscope_filtered_bytes_total", kCounter, "", "Plaintext in those records."},
     Processor<&ProcessorStats::filtered_bytes>},
    {{"tlscope_messages_total", kCounter, "parser", "Messages read, by the parser that read them."},
     MessagesByParser},
    {{"tlscope_message_cut_bytes_total", kCounter, "",
      "Content of messages that was seen and not kept, because of --tsize or to save memory."},
     Processor<&ProcessorStats::cut_bytes>},
    {{"tlscope_exchanges_total", kCounter, "", "Requests published together with their response."},
     Processor<&ProcessorStats::exchanges>},
    {{"tlscope_exchange_halves_lost_total", kCounter, "",
      "Requests or responses published alone because too many waited for their other half."},
     Processor<&ProcessorStats::exchanges_lost>},
    {{"tlscope_gaps_total", kCounter, "",
      "Places in connections where plaintext is missing, for whatever reason."},
     Processor<&ProcessorStats::gaps>},
    {{"tlscope_gap_bytes_total", kCounter, "", "Plaintext missing there."},
     Processor<&ProcessorStats::gap_bytes>},
    {{"tlscope_overlaps_total", kCounter, "",
      "Records that repeated plaintext which had been seen; what they repeat is dropped."},
     Processor<&ProcessorStats::overlaps>},
    {{"tlscope_overlap_bytes_total", kCounter, "", "Plaintext repeated by them."},
     Processor<&ProcessorStats::overlap_bytes>},
    {{"tlscope_workers_started_total", kCounter, "", "Connections that began to be followed."},
     Processor<&ProcessorStats::workers_created>},
    {{"tlscope_workers_ended_total", kCounter, "",
      "Connections no longer followed, for whatever reason."},
     Processor<&ProcessorStats::workers_ended>},
    {{"tlscope_workers_evicted_total", kCounter, "",
      "Connections among those that were given up early to make room for others."},
     Processor<&ProcessorStats::workers_evicted>},
    {{"tlscope_workers_active", kGauge, "", "Connections that are followed now."},
     Processor<&ProcessorStats::workers_active>},

    {{"tlscope_sink_pushed_blocks_total", kCounter, "sink",
      "Blocks (a formatted message with its header) handed to an output."},
     Sinks<&SinkStats::pushed_blocks>},
    {{"tlscope_sink_pushed_bytes_total", kCounter, "sink", "Bytes handed to an output."},
     Sinks<&SinkStats::pushed_bytes>},
    {{"tlscope_sink_written_blocks_total", kCounter, "sink", "Blocks an output has written."},
     Sinks<&SinkStats::written_blocks>},
    {{"tlscope_sink_written_bytes_total", kCounter, "sink", "Bytes of the blocks written."},
     Sinks<&SinkStats::written_bytes>},
    {{"tlscope_sink_dropped_blocks_total", kCounter, "sink, cause",
      "Blocks an output has not written: full (the reader is too slow), failed (a write failed, "
      "the peer takes no such block, or time ran out at the end), closed (the output is broken "
      "or closed)."},
     SinkDrops<&SinkStats::dropped_full_blocks, &SinkStats::dropped_failed_blocks,
               &SinkStats::dropped_closed_blocks>},
    {{"tlscope_sink_dropped_bytes_total", kCounter, "sink, cause", "Bytes of the blocks dropped."},
     SinkDrops<&SinkStats::dropped_full_bytes, &SinkStats::dropped_failed_bytes,
               &SinkStats::dropped_closed_bytes>},
    {{"tlscope_sink_queued_blocks", kGauge, "sink", "Blocks an output has yet to write."},
     Sinks<&SinkStats::queued_blocks>},
    {{"tlscope_sink_queued_bytes", kGauge, "sink", "Bytes an output has yet to write."},
     Sinks<&SinkStats::queued_bytes>},
    {{"tlscope_sink_waiting", kGauge, "sink", "Threads that wait for room in an output now."},
     Sinks<&SinkStats::waiting>},

    {{"tlscope_sink_acknowledged_blocks_total", kCounter, "sink",
      "Blocks among those written of which the peer said that it has them."},
     Sinks<&SinkStats::acknowledged_blocks>},
    {{"tlscope_sink_acknowledged_bytes_total", kCounter, "sink", "Bytes of these."},
     Sinks<&SinkStats::acknowledged_bytes>},
    {{"tlscope_sink_unacknowledged_blocks", kGauge, "sink",
      "Blocks among those queued that were sent and not yet acknowledged."},
     Sinks<&SinkStats::unacknowledged_blocks>},
    {{"tlscope_sink_unacknowledged_bytes", kGauge, "sink", "Bytes of these."},
     Sinks<&SinkStats::unacknowledged_bytes>},
    {{"tlscope_sink_unconfirmed_blocks_total", kCounter, "sink",
      "Blocks among those dropped as failed that were sent, so that the peer may have them."},
     Sinks<&SinkStats::unconfirmed_blocks>},
    {{"tlscope_sink_unconfirmed_bytes_total", kCounter, "sink", "Bytes of these."},
     Sinks<&SinkStats::unconfirmed_bytes>},
    {{"tlscope_sink_resent_blocks_total", kCounter, "sink",
      "Blocks sent once more because a connection was lost."},
     Sinks<&SinkStats::resent_blocks>},
    {{"tlscope_sink_connects_total", kCounter, "sink", "Connections an output has made."},
     Sinks<&SinkStats::connects>},
    {{"tlscope_sink_connections", kGauge, "sink",
      "Connections an output over a network has now: 0 or 1."},
     Sinks<&SinkStats::connections>},
    {{"tlscope_sink_connect_failures_total", kCounter, "sink",
      "Tries of an output to connect that failed, and connections it lost."},
     Sinks<&SinkStats::connect_failures>},

    {{"tlscope_bus_events_published_total", kCounter, "topic", "Events published on the bus."},
     PublishedByTopic},
    {{"tlscope_bus_events_rate_limited_total", kCounter, "",
      "Events not published because of the rate limit."},
     Bus<&BusCounters::rate_limited>},
    {{"tlscope_bus_events_lost_total", kCounter, "",
      "Events that subscribers missed because they were too slow, summed over the subscribers."},
     Bus<&BusCounters::lost>},
    {{"tlscope_bus_subscribers", kGauge, "", "Subscribers of the bus now."},
     Bus<&BusCounters::subscribers>},

    {{"tlscope_ipc_clients", kGauge, "", "Clients connected to the control socket now."},
     Ipc<&IpcCounters::clients>},
    {{"tlscope_ipc_clients_refused_total", kCounter, "",
      "Clients that the control socket turned away."},
     Ipc<&IpcCounters::refused>},

    {{"tlscope_endpoint_requests_total", kCounter, "",
      "Requests that this HTTP endpoint answered, whatever the status."},
     Endpoint<&HttpEndpointStats::requests>},
    {{"tlscope_endpoint_connections", kGauge, "", "Connections to this HTTP endpoint now."},
     Endpoint<&HttpEndpointStats::connections>},
    {{"tlscope_endpoint_connections_dropped_total", kCounter, "cause",
      "Connections this HTTP endpoint ended: displaced (to make room for another), deadline (too "
      "slow), malformed (not HTTP, or beyond the limits), accept (the system did not hand it "
      "over)."},
     EndpointDrops},
};

}  // namespace

std::vector<MetricDescription> DescribeAgentMetrics() {
  std::vector<MetricDescription> descriptions;
  descriptions.reserve(std::size(kRows));
  for (const Row& row : kRows) descriptions.push_back(row.description);
  return descriptions;
}

std::vector<MetricFamily> AgentMetrics(const AgentCounters& counters) {
  std::vector<MetricFamily> families;
  families.reserve(std::size(kRows));
  for (const auto& [description, collect] : kRows) {
    MetricFamily& family = families.emplace_back(MetricFamily{
        std::string(description.name), std::string(description.help), description.type, {}});
    collect(counters, family.samples);
  }
  return families;
}

}  // namespace tlscope
