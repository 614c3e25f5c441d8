// SPDX-License-Identifier: Apache-2.0
#include <spdlog/fmt/fmt.h>

#include <string_view>

#include "agent/doctor/report.h"
#include "processor/text/json_string.h"

namespace tlscope {
namespace {

using Strings = std::vector<std::string>;

std::string Quote(std::string_view text) {
  std::string quoted;
  AppendJsonString(text, quoted);
  return quoted;
}

const char* Bool(bool value) { return value ? "true" : "false"; }

template <class Values, class Write>
std::string List(const Values& values, Write write) {
  std::string list = "[";
  for (const auto& value : values) {
    if (list.size() > 1) list += ", ";
    list += write(value);
  }
  list += ']';
  return list;
}

std::string JsonOf(const DoctorCheck& check) {
  return fmt::format(R"({{"id": {}, "passed": {}, "required": {}, "detail": {}}})", Quote(check.id),
                     Bool(check.passed), Bool(check.required), Quote(check.detail));
}

std::string JsonOf(const DoctorStrategy& strategy) {
  return fmt::format(R"({{"feature": {}, "used": {}, "tried": {}}})", Quote(strategy.feature),
                     Quote(strategy.used), List(strategy.tried, Quote));
}

std::string JsonOf(const DoctorPoint& point) {
  return fmt::format(R"({{"function": {}, "end": {}, "offset": {}, "cost": {}}})",
                     Quote(point.function), Quote(point.end), point.offset, Quote(point.cost));
}

std::string JsonOf(const DoctorRefusal& refusal) {
  return fmt::format(R"({{"function": {}, "reason": {}}})", Quote(refusal.function),
                     Quote(refusal.reason));
}

std::string JsonOf(const DoctorLibrary& library) {
  const auto item = [](const auto& value) { return JsonOf(value); };
  return fmt::format(
      R"({{"path": {}, "version": {}, "symbols": {}, "missing": {}, "attached": {}, "error": {}, )"
      R"("read_point": {}, "write_point": {}, "points": {}, "refused": {}, "hits": {}, )"
      R"("shared_hits": {}}})",
      Quote(library.path), Quote(library.version), List(library.symbols, Quote),
      List(library.missing, Quote), Bool(library.attached), Quote(library.error),
      Quote(library.read_point), Quote(library.write_point), List(library.points, item),
      List(library.refused, item), library.hits, library.shared_hits);
}

/// Of a process or of all.
template <class Calls>
double PeerShare(const Calls& calls) {
  return calls.hits == 0
             ? 0
             : static_cast<double>(calls.hits_with_peer) / static_cast<double>(calls.hits);
}

std::string JsonOf(const DoctorReport& report, const DoctorProcess& process) {
  return fmt::format(
      R"({{"pid": {}, "comm": {}, "libraries": {}, "other_tls": {}, "hits": {}, )"
      R"("peer_known_share": {:.4f}}})",
      process.pid, Quote(process.comm),
      List(process.libraries, [&](std::size_t i) { return Quote(report.libraries[i].path); }),
      List(process.other_tls, Quote), process.hits, PeerShare(process));
}

std::string JsonOf(const std::optional<DoctorTrial>& trial) {
  if (!trial) return "null";
  return fmt::format(R"({{"seconds": {}, "hits": {}, "bytes": {}, "peer_known_share": {:.4f}}})",
                     trial->seconds, trial->hits, trial->bytes, PeerShare(*trial));
}

// Terminals obey control bytes, and a process may call itself what it likes.
std::string Shown(std::string_view text) {
  std::string shown;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f)
      shown += fmt::format("\\x{:02x}", byte);
    else
      shown += c;
  }
  return shown;
}

std::string Joined(const Strings& values) { return fmt::format("{}", fmt::join(values, ", ")); }

std::string AttachText(const DoctorLibrary& library) {
  if (library.attached)
    return fmt::format("reads at the {} function, writes at the {} function", library.read_point,
                       library.write_point);
  return library.error.empty() ? "not tried" : library.error;
}

/// "      SSL_read: entry 0x37f16 emulated, exit 0x3801e emulated, exit 0x38022 stepped", and so
/// on.
std::string PointsText(const DoctorLibrary& library) {
  std::string text;
  std::string_view function;
  for (const DoctorPoint& point : library.points) {
    const bool same = point.function == function;
    function = point.function;
    text += same ? ", " : fmt::format("{}      {}: ", text.empty() ? "" : "\n", function);
    text += fmt::format("{} {:#x} {}", point.end, point.offset, point.cost);
  }
  if (!text.empty()) text = "    points:\n" + text + '\n';
  if (!library.refused.empty()) text += "    refused:\n";
  for (const DoctorRefusal& refusal : library.refused)
    text += fmt::format("      {}: {}\n", refusal.function, Shown(refusal.reason));
  return text;
}

std::string LibrariesText(const DoctorReport& report) {
  std::string text = "\nlibraries:\n";
  if (report.libraries.empty()) text += "  none\n";
  for (const DoctorLibrary& library : report.libraries) {
    text += fmt::format("  {}\n    version: {}\n    symbols: {}\n", Shown(library.path),
                        Shown(library.version), Joined(library.symbols));
    if (!library.missing.empty()) text += "    missing: " + Joined(library.missing) + '\n';
    text += "    attach: " + AttachText(library) + '\n' + PointsText(library);
    if (!report.trial) continue;
    text += fmt::format("    hits: {}", library.hits);
    if (library.shared_hits > 0)
      text +=
          fmt::format(" (plus {} in processes that also map another library)", library.shared_hits);
    text += '\n';
  }
  return text;
}

std::string ProcessesText(const DoctorReport& report) {
  std::string text = fmt::format("\nprocesses with TLS, of {}:\n", report.processes_seen);
  if (report.processes.empty()) text += "  none\n";
  for (const DoctorProcess& process : report.processes) {
    Strings parts;
    for (const std::size_t i : process.libraries) parts.push_back(Shown(report.libraries[i].path));
    for (const std::string& other : process.other_tls) parts.push_back(other + ", not captured");
    text += fmt::format("  {} {}: {}", process.pid, Shown(process.comm), fmt::join(parts, "; "));
    if (process.hits > 0)
      text += fmt::format("; hits: {}, peer known for {:.0f} %", process.hits,
                          100 * PeerShare(process));
    text += '\n';
  }
  return text;
}

}  // namespace

std::string DoctorText(const DoctorReport& report) {
  std::string text =
      fmt::format("tlscope {} on Linux {}\n\nchecks:\n", report.version, report.kernel);
  for (const DoctorCheck& check : report.checks) {
    const char* mark = check.passed ? "ok" : check.required ? "FAILED" : "missing";
    text += fmt::format("  {:7} {}: {}\n", mark, check.id, check.detail);
  }
  if (!report.strategies.empty()) text += "\nstrategies:\n";
  for (const DoctorStrategy& strategy : report.strategies)
    text += fmt::format("  {}: {} (tried: {})\n", strategy.feature, strategy.used,
                        Joined(strategy.tried));
  text += LibrariesText(report) + ProcessesText(report);
  if (report.trial)
    text += fmt::format("\ntrial of {} s: {} calls, {} bytes, peer known for {:.0f} %\n",
                        report.trial->seconds, report.trial->hits, report.trial->bytes,
                        100 * PeerShare(*report.trial));
  text += '\n';
  for (const std::string& sentence : Conclusions(report)) text += Shown(sentence) + '\n';
  return text;
}

std::string DoctorJson(const DoctorReport& report) {
  const auto item = [](const auto& value) { return JsonOf(value); };
  return fmt::format(
      "{{\"version\": {},\n \"kernel\": {},\n \"works\": {},\n \"checks\": {},\n"
      " \"strategies\": {},\n \"libraries\": {},\n \"processes\": {},\n \"processes_seen\": {},\n"
      " \"processes_hidden\": {},\n \"trial\": {},\n \"conclusions\": {}}}\n",
      Quote(report.version), Quote(report.kernel), Bool(report.Works()), List(report.checks, item),
      List(report.strategies, item), List(report.libraries, item),
      List(report.processes, [&](const DoctorProcess& process) { return JsonOf(report, process); }),
      report.processes_seen, report.processes_hidden, JsonOf(report.trial),
      List(Conclusions(report), Quote));
}

}  // namespace tlscope
