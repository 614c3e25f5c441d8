// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agent/options/output_options.h"
#include "agent/probes/attach_strategy.h"

namespace tlscope {

/// What `tlscope capture` was asked to do.
struct CaptureOptions : OutputOptions {
  std::vector<std::uint32_t> pids;             ///< empty: every process
  std::vector<std::uint32_t> uids;             ///< empty: every user
  std::vector<std::string> comms;              ///< empty: every name; at most 15 bytes each
  std::vector<std::string> cgroups;            ///< paths; empty: every control group
  std::vector<std::uint16_t> ports;            ///< of either end; empty: every port
  std::vector<std::string> libraries;          ///< files to attach to besides those found
  std::uint64_t max_payload_bytes = 1U << 20;  ///< captured of one SSL call; 0: all
  std::string btf_path;                        ///< empty: the kernel's own
  std::string runtime_dir = "/run/tlscope";    ///< of the agents' sockets
  std::string ipc_group;                       ///< may read captured data; empty: root only
  std::string event_log;                       ///< strftime(3) pattern of its files; empty: none
  RotationOptions event_log_rotation;
  std::string metrics;                      ///< numeric ADDRESS:PORT; empty: none
  std::uint64_t max_events_per_second = 0;  ///< on the bus; 0: no limit
  std::string config_path;                  ///< empty: none
  std::vector<std::string> arguments;       ///< as the program was called, its name first
  std::uint32_t ring_mib = 32;              ///< of the ring, 1 to 1024; rounded up to 2^n
  std::uint32_t detach_after_s = 60;        ///< unmapped that long, a library is left; 0: never
  std::uint32_t heartbeat_s = 15;           ///< between two; 0: none
  bool attach_public = false;               ///< probe the public functions only
  AttachStrategy strategy = AttachStrategy::kAuto;
  bool wait_for_library = false;   ///< go on when the host has no libssl yet
  bool quiet = false;              ///< warnings and errors only
  bool verbose = false;            ///< what libbpf has to say, too
  bool instance_given = false;     ///< by the command line or the configuration file
  bool ipc_public = false;         ///< every user may ask how the agent is
  bool no_ipc = false;             ///< no socket
  bool event_log_payload = false;  ///< heads and bodies, too
};

}  // namespace tlscope
