// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>

namespace tlscope {

class Protoset;

/// How the body of a message is shown.
enum class BodyView : std::uint8_t {
  kAuto,  ///< text as it is; binary by its size and type, or as a hex dump where there is no head
  kShow,  ///< all bytes as they are
  kHex,   ///< a hex dump
};

/// How text is written.
struct TextFormatOptions {
  /// CLOCK_REALTIME minus CLOCK_MONOTONIC.
  std::int64_t realtime_offset_ns = 0;
  /// For terminals: control bytes of messages are shown as \xNN instead of acting on the terminal.
  bool escape_control = false;
  /// For terminals: header lines dim, start lines by their status. Changes no byte otherwise.
  bool color = false;
  /// JSON bodies are laid out over lines.
  bool pretty_json = false;
  BodyView body_view = BodyView::kAuto;
  /// Shows messages of gRPC as JSON, where it knows them; null without one.
  std::shared_ptr<Protoset> protoset = nullptr;
  /// The option that limits how much of a body is kept, for the marker where one is cut.
  std::string cut_by = "--tsize";
};

}  // namespace tlscope
