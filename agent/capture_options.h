// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agent/attach_strategy.h"
#include "processor/formats/text_options.h"

namespace tlscope {

/// Which of the formats goes to standard output.
enum class OutputFormat : std::uint8_t { kText, kLine };

/// When text is coloured.
enum class ColorMode : std::uint8_t { kAuto, kAlways, kNever };

/// What `tlscope capture` was asked to do.
struct CaptureOptions {
  std::vector<std::uint32_t> pids;             ///< empty: every process
  std::vector<std::uint32_t> uids;             ///< empty: every user
  std::vector<std::string> comms;              ///< empty: every name; at most 15 bytes each
  std::vector<std::string> cgroups;            ///< paths; empty: every control group
  std::vector<std::uint16_t> ports;            ///< of either end; empty: every port
  std::vector<std::string> libraries;          ///< files to attach to besides those found
  std::uint64_t max_payload_bytes = 1U << 20;  ///< captured of one SSL call; 0: all
  std::uint64_t message_bytes = 16U << 20;     ///< kept of one message's body
  std::uint64_t max_body_bytes = 0;            ///< kept of it besides; 0: no further limit
  bool headers_only = false;                   ///< keep no body
  bool raw_body = false;                       ///< leave bodies in the codings they were sent in
  std::uint32_t ring_mib = 32;                 ///< of the ring, 1 to 1024; rounded up to 2^n
  std::string btf_path;                        ///< empty: the kernel's own
  OutputFormat format = OutputFormat::kText;
  BodyView body_view = BodyView::kAuto;
  ColorMode color = ColorMode::kAuto;
  bool pretty_json = false;
  std::string protoset_path;     ///< of descriptors; empty: none
  bool show_frames = false;      ///< print HTTP/2 frames, too
  bool show_handshakes = false;  ///< print what TLS handshakes tell, too
  bool attach_public = false;    ///< probe the public functions only
  AttachStrategy strategy = AttachStrategy::kAuto;
  bool wait_for_library = false;      ///< go on when the host has no libssl yet
  std::uint32_t detach_after_s = 60;  ///< unmapped that long, a library is left; 0: never
  bool quiet = false;                 ///< warnings and errors only
  bool verbose = false;               ///< what libbpf has to say, too
};

}  // namespace tlscope
