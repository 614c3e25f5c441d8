// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <map>
#include <set>

#include "agent/doctor/report.h"

namespace tlscope {
namespace {

std::string Count(std::size_t number, const char* one, const char* many) {
  return std::to_string(number) + ' ' + (number == 1 ? one : many);
}

void SayWhatFails(const DoctorReport& report, std::vector<std::string>& sentences) {
  for (const DoctorCheck& check : report.checks) {
    if (check.required && !check.passed)
      sentences.push_back("A capture cannot work here: " + check.detail + '.');
  }
}

void SayWhatIsNotAttached(const DoctorReport& report, std::vector<std::string>& sentences) {
  for (const DoctorLibrary& library : report.libraries) {
    if (!library.error.empty())
      sentences.push_back("Programs that use " + library.path +
                          " are not captured: " + library.error + '.');
  }
}

void SayWhoUsesOtherTls(const DoctorReport& report, std::vector<std::string>& sentences) {
  std::map<std::string, std::set<std::string>> users;
  for (const DoctorProcess& process : report.processes) {
    for (const std::string& other : process.other_tls)
      users[other].insert(process.comm + " (" + std::to_string(process.pid) + ')');
  }
  for (const auto& [other, names] : users) {
    constexpr std::size_t kNamed = 5;
    std::string sentence = "TLS by " + other + " is not captured: ";
    std::size_t named = 0;
    for (const std::string& name : names) {
      if (named == kNamed) break;
      sentence += (named++ == 0 ? "" : ", ") + name;
    }
    if (names.size() > kNamed)
      sentence += " and " + std::to_string(names.size() - kNamed) + " more";
    sentences.push_back(sentence + '.');
  }
}

void SayWhatIsMapped(const DoctorReport& report, std::vector<std::string>& sentences) {
  const auto users =
      std::count_if(report.processes.begin(), report.processes.end(),
                    [](const DoctorProcess& process) { return !process.libraries.empty(); });
  if (users == 0)
    sentences.push_back(
        "No process maps OpenSSL or BoringSSL now: a capture stays empty until one does.");
  if (report.processes_hidden > 0)
    sentences.push_back(Count(report.processes_hidden, "process", "processes") +
                        " could not be inspected: run doctor as root or with CAP_SYS_PTRACE.");
}

void SayWhatTheTrialSaw(const DoctorReport& report, std::vector<std::string>& sentences) {
  if (!report.trial) return;
  const DoctorTrial& trial = *report.trial;
  if (trial.hits == 0) {
    sentences.push_back(
        "No TLS traffic went through these libraries during the test. Generate some while doctor "
        "runs, or test longer with --seconds N.");
    return;
  }
  sentences.push_back("The capture works: " + Count(trial.hits, "call", "calls") + " with " +
                      Count(trial.bytes, "byte", "bytes") + " seen.");
  if (trial.hits_with_peer < trial.hits)
    sentences.push_back("The peer's address is unknown for " +
                        Count(trial.hits - trial.hits_with_peer, "call", "calls") + ".");
}

}  // namespace

std::vector<std::string> Conclusions(const DoctorReport& report) {
  std::vector<std::string> sentences;
  SayWhatFails(report, sentences);
  SayWhatIsNotAttached(report, sentences);
  SayWhatIsMapped(report, sentences);
  SayWhoUsesOtherTls(report, sentences);
  SayWhatTheTrialSaw(report, sentences);
  sentences.push_back(
      "If a capture still stays empty: TLS written in Rust (rustls) and libraries without symbols "
      "cannot be detected and are not captured, and --pid, --uid and --comm leave out every other "
      "process (the summary counts those calls as filtered).");
  return sentences;
}

}  // namespace tlscope
