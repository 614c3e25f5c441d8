// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "parsers/content/coding_list.h"
#include "parsers/core/byte_budget.h"

namespace tlscope::content {

/// Removes one coding from one stream. Allocates at its first byte. What comes out is a function
/// of the bytes that went in, not of the calls they came in (for brotli: while they are well-formed
/// or come one at a time).
class CodingStage {
 public:
  enum class Status : std::uint8_t {
    kGoing,     ///< took and gave what it could: call again with more input or more room
    kBroken,    ///< not this coding from here on
    kTrailing,  ///< the stream had ended, and these bytes belong to no other
    kNoMemory,  ///< the budget refused
  };
  /// What one call did. Only with kGoing may there be another.
  struct Step {
    std::size_t consumed = 0;
    std::size_t produced = 0;
    Status status = Status::kGoing;
  };

  virtual ~CodingStage() = default;

  /// Decodes from `input` into `output`, which is not empty. With all input consumed and room left
  /// in the output, nothing more comes without more input.
  virtual Step Run(std::string_view input, std::span<char> output) = 0;
  /// All that went in makes one or more whole streams.
  virtual bool at_end() const = 0;
  virtual std::uint64_t held_bytes() const = 0;
};

/// Whether a zstd frame may begin with `bytes`, 1 to 4 of them (RFC 8878 3.1.1, 3.1.2).
bool MayBeginZstd(std::string_view bytes);

std::unique_ptr<CodingStage> MakeZlibStage(Coding coding, ByteBudget& budget);
/// `bytewise`: slower, and what comes before an error comes out whatever the calls.
std::unique_ptr<CodingStage> MakeBrotliStage(bool bytewise, ByteBudget& budget);
std::unique_ptr<CodingStage> MakeZstdStage(ByteBudget& budget);

}  // namespace tlscope::content
