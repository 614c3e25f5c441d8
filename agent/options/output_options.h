// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "processor/formats/text_options.h"
#include "processor/sinks/files/rotate_period.h"
#include "processor/sinks/sink.h"

namespace tlscope {

/// When text is coloured.
enum class ColorMode : std::uint8_t { kAuto, kAlways, kNever };

/// When a file is ended and what becomes of it.
struct RotationOptions {
  std::uint64_t bytes = 0;  ///< 0: however large
  RotatePeriod period = RotatePeriod::kNever;
  std::uint32_t keep = 0;  ///< ended files; 0: all
  bool gzip = false;       ///< compress ended files

  bool operator==(const RotationOptions&) const = default;
};

/// What `-o` and the options around it say: what is kept of messages, how they are written, and
/// where to. The same for every command that writes messages.
struct OutputOptions {
  std::vector<std::string> outputs;  ///< `-o`: see ParseOutputSpec; none: text on standard output
  std::string format;                ///< of standard output besides; empty: not given
  RotationOptions rotation;          ///< of files

  std::uint64_t message_bytes = 16U << 20;  ///< kept of one message's body
  std::uint64_t max_body_bytes = 0;         ///< kept of it besides; 0: no further limit
  bool headers_only = false;                ///< keep no body
  bool raw_body = false;                    ///< leave bodies in the codings they were sent in

  BodyView body_view = BodyView::kAuto;
  ColorMode color = ColorMode::kAuto;
  bool pretty_json = false;
  std::string protoset_path;     ///< of descriptors; empty: none
  bool show_frames = false;      ///< HTTP/2 frames, too
  bool show_handshakes = false;  ///< what TLS handshakes tell, too
  bool plaintext = false;        ///< protobuf has the plaintext as it passed, too

  std::uint32_t spool_mib = 64;            ///< of each output over a network
  std::string tls_ca;                      ///< file; empty: the system's
  std::string tls_cert;                    ///< file; empty: none
  std::string tls_key;                     ///< file; empty: in tls_cert
  std::string tls_server_name;             ///< empty: the host's name
  std::vector<std::string> kafka_options;  ///< "key=value" for librdkafka

  std::string instance = "default";  ///< tells apart the agents of a host
  std::vector<std::string> tags;     ///< "key=value" each, of every event
  std::string host;                  ///< whose events they are; empty: this one's

  WhenFull when_full = WhenFull::kDrop;  ///< of every output
};

/// Kept of a body, by the three options that limit it.
std::uint64_t BodyLimitOf(const OutputOptions& options);

}  // namespace tlscope
