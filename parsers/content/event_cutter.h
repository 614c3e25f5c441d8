// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tlscope::content {

/// Where a body that goes on for long may be cut, so that what has come can be shown.
enum class PartRule : std::uint8_t {
  kWhole,   ///< nowhere
  kEvents,  ///< after each event of text/event-stream, at once
  kLines,   ///< after a line, when the sender pauses: application/x-ndjson, application/json-seq
  kPauses,  ///< when the sender pauses: multipart/x-mixed-replace, application/grpc-web*
};

/// The rule for a Content-Type field's value.
PartRule PartRuleOf(std::string_view content_type);

/// Finds the ends of the events of a text/event-stream (WHATWG HTML, 9.2.5): an event ends with an
/// empty line, and a line with LF, CR LF or CR. Empty lines with no event before them go with the
/// next one. Where a CR may be half a line end, the byte after it decides.
class EventCutter {
 public:
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);

  /// How many of `bytes`, the next ones of the stream, end an event: kNone when all of them belong
  /// to an event that goes on, and all were taken. Otherwise the bytes behind that end are to be
  /// given again.
  std::size_t Find(std::string_view bytes);

 private:
  bool line_empty_ = true;    ///< the current line, so far
  bool has_event_ = false;    ///< a line that is not empty came since the last event
  bool after_cr_ = false;     ///< the last byte was a CR
  bool end_at_hand_ = false;  ///< and it ended an event, perhaps together with an LF
};

}  // namespace tlscope::content
