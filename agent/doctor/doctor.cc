// SPDX-License-Identifier: Apache-2.0
#include "agent/doctor/doctor.h"

#include <poll.h>

#include <atomic>
#include <cerrno>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <iterator>
#include <map>
#include <thread>

#include "agent/doctor/host_checks.h"
#include "agent/doctor/process_survey.h"
#include "agent/doctor/report.h"
#include "agent/leases/kernel_file_guard.h"
#include "agent/probes/ring_reader.h"
#include "agent/procfs/pid_namespace.h"
#include "agent/this_process/privileges.h"
#include "agent/this_process/stop_signal.h"
#include "processor/events/decoder.h"

namespace tlscope {
namespace {

/// What a trial capture saw: calls, not what was in them.
struct Tally {
  DoctorTrial trial;
  struct Hits {
    std::uint64_t all = 0;
    std::uint64_t with_peer = 0;
  };
  std::map<std::uint32_t, Hits> hits_by_pid;

  void Add(std::span<const std::byte> record) {
    const auto decoded = Decode(record);
    if (!decoded) return;
    const auto* data = std::get_if<SSLDataEvent>(&*decoded);
    if (data == nullptr || data->chunk_offset != 0) return;
    ++trial.hits;
    trial.bytes += data->call_bytes;
    Hits& hits = hits_by_pid[data->origin.pid];
    ++hits.all;
    if (data->tuple.family == AddressFamily::kNone) return;
    ++trial.hits_with_peer;
    ++hits.with_peer;
  }
};

// Listens for so long, or until Ctrl-C, or until somebody wants to write to a file under probes.
Result<Tally> Listen(const ProbeSession& probes, const FileGuard& guard, double seconds) {
  Tally tally;
  TLSCOPE_TRY(const auto stop, StopSignal::Open());
  TLSCOPE_TRY(auto reader,
              RingReader::Open(
                  probes, ProbeOptions{}.ring_bytes,
                  [&tally](std::span<const std::byte> record) { tally.Add(record); }, [] {}));
  std::atomic<bool> stopping = false;
  std::jthread thread([&] { reader->Run(stopping); });
  pollfd interrupted[] = {{stop.signal_fd(), POLLIN, 0}, {guard.fd(), POLLIN, 0}};
  poll(interrupted, std::size(interrupted), static_cast<int>(std::lround(seconds * 1000)));
  stopping.store(true, std::memory_order_release);
  thread.join();
  stop.RestoreDefault();
  tally.trial.seconds = seconds;
  return tally;
}

void AddTally(const Tally& tally, DoctorReport& report) {
  report.trial = tally.trial;
  for (DoctorProcess& process : report.processes) {
    const auto hits = tally.hits_by_pid.find(process.pid);
    if (hits == tally.hits_by_pid.end()) continue;
    process.hits = hits->second.all;
    process.hits_with_peer = hits->second.with_peer;
    for (const std::size_t i : process.libraries) {
      DoctorLibrary& library = report.libraries[i];
      (process.libraries.size() == 1 ? library.hits : library.shared_hits) += process.hits;
    }
  }
}

// Whether the kernel takes uprobes from this process is only known by attaching one.
void AddUprobeCheck(DoctorReport& report) {
  DoctorCheck check{"uprobes", true, true, "probes can be attached to libraries"};
  for (const DoctorLibrary& library : report.libraries) {
    if (library.attached) return report.checks.push_back(std::move(check));
    if (library.error.empty()) continue;
    check.passed = false;
    check.detail = library.error;
  }
  if (!check.passed) report.checks.push_back(std::move(check));
}

void AddLeaseCheck(DoctorReport& report) {
  DoctorCheck check{"file_leases", true, false,
                    "who writes to a library in place waits until the probes are out of it"};
  std::string unleased;
  for (const DoctorLibrary& library : report.libraries) {
    if (library.attached && !library.leased)
      unleased += (unleased.empty() ? "" : ", ") + library.path;
  }
  check.passed = unleased.empty();
  if (!check.passed)
    check.detail =
        "no lease is to be had (fcntl(2), F_SETLEASE: it takes CAP_LEASE and a file "
        "system that has them), so that writing over these in place during a capture may "
        "crash their users: " +
        unleased;
  report.checks.push_back(std::move(check));
}

/// Every probe and lease is gone when it returns: nobody waits for whoever reads the report.
Result<DoctorReport> Examine(const DoctorOptions& options) {
  DoctorReport report;
  report.version = TLSCOPE_VERSION;
  TLSCOPE_TRY(const auto guard, KernelFileGuard::Open());
  const std::unique_ptr<ProbeSession> probes = CheckHost(options.btf_path, report);
  const ProcessSurvey survey(options.pids, probes.get(), *guard);
  survey.AddTo(report);
  AddUprobeCheck(report);
  AddLeaseCheck(report);
  if (probes && options.seconds > 0 && !report.libraries.empty()) {
    TLSCOPE_TRY(const auto tally, Listen(*probes, *guard, options.seconds));
    AddTally(tally, report);
  }
  return report;
}

bool WriteAll(const std::string& text) {
  return std::fwrite(text.data(), 1, text.size(), stdout) == text.size() &&
         std::fflush(stdout) == 0;
}

}  // namespace

Result<bool> RunDoctor(const DoctorOptions& options) {
  if (!options.pids.empty()) TLSCOPE_TRY(CheckProcIsOwn());
  for (const std::uint32_t pid : options.pids) {
    if (kill(static_cast<pid_t>(pid), 0) != 0 && errno == ESRCH)
      return Fail(Errc::kNotFound, ESRCH, "inspect process " + std::to_string(pid));
  }
  RaiseDescriptorLimit();
  TLSCOPE_TRY(const DoctorReport report, Examine(options));
  if (!WriteAll(options.json ? DoctorJson(report) : DoctorText(report)))
    return Fail(Errc::kSystem, errno, "write to standard output");
  return report.Works();
}

}  // namespace tlscope
