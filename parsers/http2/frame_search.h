// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "parsers/core/byte_budget.h"

namespace tlscope::http2 {

/// Finds where frames begin again after bytes were lost: at a run of frames as FindRun wants it.
/// Of all places where one begins it is the one that can be told after the fewest bytes, so that
/// bytes which look like the header of a long frame do not hide what follows, and so that the split
/// of the calls makes no difference.
///
/// Holds what may yet be frames, kMaxRunBytes at most and within the budget, and looks at a place
/// again only when the bytes have come that can tell more of it.
class FrameSearch {
 public:
  /// A run that is not believed within these bytes is none.
  static constexpr std::size_t kMaxRunBytes = 64U << 10;

  /// What has become of the bytes; those in neither are held.
  struct Result {
    bool found = false;
    std::string skipped;  ///< no frames
    std::string frames;   ///< when found: from the first frame on
  };

  /// `budget` must outlive it.
  explicit FrameSearch(ByteBudget& budget) : budget_(budget) {}
  ~FrameSearch() { Clear(); }
  FrameSearch(const FrameSearch&) = delete;
  FrameSearch& operator=(const FrameSearch&) = delete;

  /// Takes the next bytes. Once found, the search is over and may begin anew.
  Result Feed(std::string_view bytes);
  /// No more come: what is held, and the search is over.
  std::string Take();

  std::uint64_t held_bytes() const { return taken_bytes_; }

 private:
  /// Where a run of frames may begin, and of how many bytes held_ may tell more.
  struct Candidate {
    std::uint32_t begin;
    std::uint32_t wake;
  };
  /// The best of the matches so far.
  struct Match {
    std::size_t begin;
    std::size_t end;  ///< the last byte that it took to tell, and one
  };

  void Look(std::size_t begin, Match& match);
  void Revisit(Match& match);
  void DropFront(std::size_t bytes);
  void Clear();

  ByteBudget& budget_;
  std::string held_;
  std::vector<Candidate> candidates_;  ///< by begin
  std::uint64_t taken_bytes_ = 0;      ///< from the budget, for both
};

}  // namespace tlscope::http2
