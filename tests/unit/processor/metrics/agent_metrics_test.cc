// SPDX-License-Identifier: Apache-2.0
#include "processor/metrics/agent_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <bit>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <map>
#include <numeric>
#include <regex>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "parsers/parser_registry.h"
#include "processor/metrics/exposition.h"
#include "tests/unit/leave_out.h"

namespace tlscope {
namespace {

using testing::ElementsAreArray;

/// Gives each number of a struct that holds nothing else a value of its own, from `first` on, and
/// tells which: also of fields that are added after this was written.
template <class Stats>
std::vector<std::uint64_t> FillDistinct(Stats& stats, std::uint64_t first) {
  std::array<std::uint64_t, sizeof stats / sizeof first> values;
  std::iota(values.begin(), values.end(), first);
  stats = std::bit_cast<Stats>(values);
  return {values.begin(), values.end()};
}

AgentCounters FilledCounters() {
  AgentCounters counters;
  counters.version = "1.2.3";
  counters.uptime_seconds = 12345.5;
  counters.libraries_attached = 11;
  counters.processes_watched = 12;
  counters.sinks = {{"-", {}}, {"json:/tmp/a \"file\"\\\n\xff", {}}};
  counters.bus.topics = {{"events.http.request", 21}, {"control.health.lost", 22}};
  counters.bus.rate_limited = 23;
  counters.bus.lost = 24;
  counters.bus.subscribers = 25;
  counters.ipc = {.clients = 31, .refused = 32};
  FillDistinct(counters.processor, 1000);
  FillDistinct(counters.kernel, 2000);
  FillDistinct(counters.sinks[0].stats, 3000);
  FillDistinct(counters.sinks[1].stats, 4000);
  FillDistinct(counters.endpoint, 5000);
  return counters;
}

/// How often each integer is a sample's value.
std::map<std::uint64_t, int> ValuesOf(const std::vector<MetricFamily>& families) {
  std::map<std::uint64_t, int> values;
  for (const MetricFamily& family : families) {
    for (const MetricSample& sample : family.samples) {
      if (const auto* value = std::get_if<std::uint64_t>(&sample.value)) ++values[*value];
    }
  }
  return values;
}

void ExpectEachOnce(const std::vector<std::uint64_t>& expected, const AgentCounters& counters) {
  std::map<std::uint64_t, int> values = ValuesOf(AgentMetrics(counters));
  for (const std::uint64_t value : expected) {
    EXPECT_EQ(values[value], 1) << "of the number " << value - expected.front();
  }
}

/// The line of the exposition that starts with `name` (labels included), without it.
std::string ValueOf(const std::string& name, const AgentCounters& counters) {
  const std::string text = '\n' + PrometheusText(AgentMetrics(counters));
  const std::size_t start = text.find('\n' + name + ' ');
  if (start == std::string::npos) return "no " + name;
  const std::size_t value = start + name.size() + 2;
  return text.substr(value, text.find('\n', value) - value);
}

TEST(AgentMetricsTest, HasEveryNumberOfTheProcessor) {
  AgentCounters counters;
  ExpectEachOnce(FillDistinct(counters.processor, 1'000'000), counters);
}

TEST(AgentMetricsTest, HasEveryNumberOfEverySink) {
  AgentCounters counters;
  counters.sinks = {{"-", {}}, {"out.pb", {}}};
  const auto first = FillDistinct(counters.sinks[0].stats, 1'000'000);
  const auto second = FillDistinct(counters.sinks[1].stats, 2'000'000);
  ExpectEachOnce(first, counters);
  ExpectEachOnce(second, counters);
}

TEST(AgentMetricsTest, HasEveryNumberOfTheEndpoint) {
  AgentCounters counters;
  ExpectEachOnce(FillDistinct(counters.endpoint, 1'000'000), counters);
}

TEST(AgentMetricsTest, HasTheEventsOfEveryRowOfTheKernel) {
  AgentCounters counters;
  std::vector<std::uint64_t> expected;
  for (tlscope_counter_row& row : counters.kernel) {
    expected.push_back(1'000'000 + expected.size());
    row.events = expected.back();
  }
  ExpectEachOnce(expected, counters);
}

TEST(AgentMetricsTest, HasTheBytesOfEveryCauseThatTheBalanceOfTheKernelCounts) {
  AgentCounters counters;
  std::vector<std::uint64_t> expected;
  for (const tlscope_counter row :
       {TLSCOPE_COUNT_SEEN, TLSCOPE_COUNT_RING_FULL, TLSCOPE_COUNT_MAP_FULL, TLSCOPE_COUNT_FAULT,
        TLSCOPE_COUNT_TRUNCATED, TLSCOPE_COUNT_SENDFILE, TLSCOPE_COUNT_PAUSED,
        TLSCOPE_COUNT_UNFINISHED, TLSCOPE_COUNT_NO_CALL}) {
    expected.push_back(1'000'000 + expected.size());
    counters.kernel[row].bytes = expected.back();
  }
  ExpectEachOnce(expected, counters);
}

TEST(AgentMetricsTest, SaysWhatEachNumberIsOf) {
  AgentCounters counters = FilledCounters();
  counters.kernel[TLSCOPE_COUNT_RING_FULL] = {7001, 7002};
  counters.kernel[TLSCOPE_COUNT_LEDGERS_ENDED].events = 7003;
  counters.processor.messages[static_cast<std::size_t>(ParserType::kWebSocket)] = 7004;
  counters.sinks[0].stats.dropped_failed_bytes = 7005;
  counters.endpoint.displaced = 7006;
  const std::pair<const char*, const char*> expected[] = {
      {"tlscope_build_info{version=\"1.2.3\"}", "1"},
      {"tlscope_uptime_seconds", "12345.5"},
      {"tlscope_libraries_attached", "11"},
      {"tlscope_processes_watched", "12"},
      {"tlscope_kernel_lost_events_total{cause=\"ring_full\"}", "7001"},
      {"tlscope_kernel_lost_bytes_total{cause=\"ring_full\"}", "7002"},
      {"tlscope_kernel_table_entries_ended_total{table=\"ledgers\"}", "7003"},
      {"tlscope_messages_total{parser=\"WebSocket\"}", "7004"},
      {"tlscope_sink_dropped_bytes_total{sink=\"-\",cause=\"failed\"}", "7005"},
      {"tlscope_bus_events_published_total{topic=\"events.http.request\"}", "21"},
      {"tlscope_bus_events_published_total{topic=\"control.health.lost\"}", "22"},
      {"tlscope_bus_events_rate_limited_total", "23"},
      {"tlscope_bus_events_lost_total", "24"},
      {"tlscope_bus_subscribers", "25"},
      {"tlscope_ipc_clients", "31"},
      {"tlscope_ipc_clients_refused_total", "32"},
      {"tlscope_endpoint_connections_dropped_total{cause=\"displaced\"}", "7006"},
  };
  for (const auto& [name, value] : expected) EXPECT_EQ(ValueOf(name, counters), value) << name;
}

TEST(AgentMetricsTest, CountsMessagesByEveryParsersName) {
  std::set<std::string> parsers;
  for (const MetricFamily& family : AgentMetrics({})) {
    if (family.name != "tlscope_messages_total") continue;
    for (const MetricSample& sample : family.samples) parsers.insert(sample.labels.at(0).second);
  }
  EXPECT_EQ(parsers.size(), kParserTypes);
}

TEST(AgentMetricsTest, NamesItsMetricsByPrometheusConventions) {
  const std::regex pattern("tlscope(_[a-z]+)+");
  for (const MetricDescription& metric : DescribeAgentMetrics()) {
    SCOPED_TRACE(metric.name);
    EXPECT_TRUE(std::regex_match(std::string(metric.name), pattern));
    EXPECT_EQ(metric.name.ends_with("_total"), metric.type == MetricType::kCounter);
    EXPECT_TRUE(metric.help.ends_with('.'));
  }
}

TEST(AgentMetricsTest, NamesEachMetricOnce) {
  std::set<std::string_view> names;
  for (const MetricDescription& metric : DescribeAgentMetrics()) {
    EXPECT_TRUE(names.insert(metric.name).second) << metric.name;
  }
}

TEST(AgentMetricsTest, GivesEachSampleTheLabelsDescribedAndOnce) {
  const std::vector<MetricDescription> descriptions = DescribeAgentMetrics();
  const std::vector<MetricFamily> families = AgentMetrics(FilledCounters());
  ASSERT_EQ(families.size(), descriptions.size());
  for (std::size_t i = 0; i < families.size(); ++i) {
    SCOPED_TRACE(families[i].name);
    EXPECT_EQ(families[i].name, descriptions[i].name);
    EXPECT_FALSE(families[i].samples.empty());
    std::set<std::vector<std::pair<std::string, std::string>>> seen;
    for (const MetricSample& sample : families[i].samples) {
      std::string labels;
      for (const auto& [name, value] : sample.labels) labels += (labels.empty() ? "" : ", ") + name;
      EXPECT_EQ(labels, descriptions[i].labels);
      EXPECT_TRUE(seen.insert(sample.labels).second);
    }
  }
}

/// A row of the table in README.md.
std::string ReadmeRow(const MetricDescription& metric) {
  std::string labels = metric.labels.empty() ? "" : "`" + std::string(metric.labels) + "`";
  labels = std::regex_replace(labels, std::regex(", "), "`, `");
  return "| `" + std::string(metric.name) + "` | " +
         (metric.type == MetricType::kCounter ? "counter" : "gauge") + " | " + labels +
         (labels.empty() ? "| " : " | ") + std::string(metric.help) + " |";
}

TEST(AgentMetricsTest, IsDocumentedAsItIs) {
  std::ifstream readme(TLSCOPE_SOURCE "/processor/metrics/README.md");
  ASSERT_TRUE(readme);
  std::vector<std::string> documented;
  for (std::string line; std::getline(readme, line);) {
    if (line.starts_with("| `tlscope_")) documented.push_back(line);
  }
  std::vector<std::string> expected;
  for (const MetricDescription& metric : DescribeAgentMetrics()) {
    expected.push_back(ReadmeRow(metric));
  }
  EXPECT_THAT(documented, ElementsAreArray(expected));
}

/// What a shell command prints, errors included, and its exit status.
std::pair<std::string, int> RunShell(const std::string& command) {
  FILE* pipe = popen((command + " 2>&1").c_str(), "re");
  if (pipe == nullptr) return {"popen failed", -1};
  std::string text;
  std::array<char, 4096> buffer;
  while (const std::size_t bytes = fread(buffer.data(), 1, buffer.size(), pipe)) {
    text.append(buffer.data(), bytes);
  }
  const int status = pclose(pipe);
  return {text, WIFEXITED(status) ? WEXITSTATUS(status) : -1};
}

/// What promtool says to an exposition.
std::pair<std::string, int> Lint(const std::string& exposition) {
  const std::string path = testing::TempDir() + "/tlscope_exposition_" + std::to_string(getpid());
  std::ofstream(path) << exposition;
  auto result = RunShell("promtool check metrics < '" + path + "'");
  std::remove(path.c_str());
  return result;
}

TEST(AgentMetricsTest, PassesPrometheusOwnLinter) {
  if (RunShell("command -v promtool").second != 0)
    TLSCOPE_LEAVE_OUT("promtool is not installed: scripts/setup test");
  const auto complaint = Lint("# HELP tlscope_b x\n# TYPE tlscope_b counter\ntlscope_b 1\n");
  EXPECT_NE(complaint.first, "") << "what is wrong must not pass";
  for (const AgentCounters& counters : {AgentCounters{}, FilledCounters()}) {
    const auto [text, status] = Lint(PrometheusText(AgentMetrics(counters)));
    EXPECT_EQ(text, "");
    EXPECT_EQ(status, 0);
  }
}

}  // namespace
}  // namespace tlscope
