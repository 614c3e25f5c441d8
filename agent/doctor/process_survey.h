// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "agent/doctor/report.h"
#include "agent/leases/file_guard.h"
#include "agent/probes/probe_session.h"
#include "agent/procfs/file_key.h"
#include "agent/procfs/process_maps.h"
#include "processor/base/unique_fd.h"

namespace tlscope {

/// Finds out which processes map which TLS library, and attaches to those that are captured.
class ProcessSurvey {
 public:
  /// Looks at the processes named, or all, and at what is installed. `probes` and `guard` are
  /// borrowed until it is gone; without probes nothing is attached to.
  ProcessSurvey(const std::vector<std::uint32_t>& pids, ProbeSession* probes, FileGuard& guard);
  ~ProcessSurvey();  ///< takes the probes out
  ProcessSurvey(const ProcessSurvey&) = delete;
  ProcessSurvey& operator=(const ProcessSurvey&) = delete;

  /// Adds what was found.
  void AddTo(DoctorReport& report) const;

 private:
  /// What is in a file.
  struct File {
    std::optional<std::size_t> library;  ///< index into libraries_
    std::string other_tls;
    std::string own_version;  ///< of libcrypto, for the libssl beside it
  };

  void LookAtProcess(std::uint32_t pid);
  void LookAtInstalled();
  const File& FileOf(const UniqueFd& file, const FileKey& key, std::string_view path,
                     const std::string& name);
  std::optional<DoctorLibrary> LibraryIn(const UniqueFd& file, const std::string& name);
  void Attach(int file, const std::string& name, DoctorLibrary& library);

  ProbeSession* probes_;
  FileGuard& guard_;
  std::vector<UniqueFd> guarded_;  ///< what is attached to
  std::map<FileKey, File> files_;
  std::vector<DoctorLibrary> libraries_;
  std::vector<DoctorProcess> processes_;
  std::size_t seen_ = 0;
  std::size_t hidden_ = 0;
};

}  // namespace tlscope
