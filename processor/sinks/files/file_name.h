// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "processor/base/result.h"

namespace tlscope {

/// How the files of one output are named: the one written now by a pattern of strftime(3), those
/// that size or time has ended by the same name with a stamp before its extension, compressed ones
/// by `.gz` after it:
///
///   /var/log/tls-%Y-%m-%d.jsonl        the pattern
///   tls-2026-11-21.jsonl               the file written now
///   tls-2026-11-21.20261121T185813.123Z.jsonl.gz
///
/// Times are UTC, as rotatelogs(8) has them: all times that tlscope writes are UTC, so a file named
/// after a day holds the records of that day; the hosts of a fleet agree; and no name comes twice
/// when summer time ends.
class FileName {
 public:
  using TimePoint = std::chrono::system_clock::time_point;

  /// `pattern`: a path. In its last part `%Y %y %m %d %j %H %M %S %F %T %G %V %u %a %b %s` stand
  /// for parts of the time and `%%` for a percent sign; a name without `%` is used as it is. Fails
  /// with kUsage for another conversion, for one in the folder (which is to exist beforehand), for
  /// a path that names no file and for names longer than the 255 bytes of NAME_MAX.
  static Result<FileName> Parse(std::string_view pattern);

  /// Where the files are; "." when the pattern names no folder.
  const std::string& folder() const { return folder_; }
  /// The name in the folder of the file written at `time`.
  std::string At(TimePoint time) const;
  /// What `name`, made by At, is called once it is ended at `time`: the stamp has milliseconds.
  std::string Rotated(std::string_view name, TimePoint time) const;

  /// What a name in the folder is to this output.
  enum class Kind : std::uint8_t {
    kPlain,     ///< by the pattern; for a pattern without conversions it is the file written now
    kStamped,   ///< ended
    kGzip,      ///< ended and compressed
    kHalfGzip,  ///< of a compression that is under way or was cut off
  };
  /// Nothing for names that this output does not give.
  std::optional<Kind> Recognize(std::string_view name) const;

  static constexpr std::string_view kGzip = ".gz";
  /// What follows kGzip until the compressed file is complete.
  static constexpr std::string_view kHalf = ".tmp";

 private:
  FileName() = default;
  Result<void> AddCells();

  /// What one byte of a name may be.
  struct Cell {
    enum class Byte : std::uint8_t { kLiteral, kDigit, kLetter };
    Byte type;
    char literal;
    bool Takes(char byte) const;
  };

  std::string folder_;
  std::string pattern_;  // of the last part
  bool has_conversions_ = false;
  std::vector<Cell> cells_;          // of what At makes, byte by byte
  std::size_t extension_bytes_ = 0;  // of what At makes, with the dot
};

}  // namespace tlscope
