// SPDX-License-Identifier: Apache-2.0
#include "parsers/http2/frame_search.h"

#include <algorithm>
#include <utility>

#include "parsers/http2/detect.h"

namespace tlscope::http2 {

FrameSearch::Result FrameSearch::Feed(std::string_view bytes) {
  const std::size_t seen = held_.size();
  held_.append(bytes);
  Match match{held_.size(), held_.size() + 1};
  Revisit(match);
  // A frame's length begins with a zero (see FindRun).
  for (std::size_t at = held_.find('\0', seen); at < match.end && at != std::string::npos;
       at = held_.find('\0', at + 1)) {
    Look(at, match);
  }
  if (match.end <= held_.size()) {
    Result result{true, held_.substr(0, match.begin), held_.substr(match.begin)};
    Clear();
    return result;
  }
  Result result;
  const std::size_t skipped = candidates_.empty() ? held_.size() : candidates_.front().begin;
  result.skipped = held_.substr(0, skipped);
  DropFront(skipped);
  budget_.Give(std::exchange(taken_bytes_, 0));
  const std::uint64_t needed = held_.size() + candidates_.size() * sizeof(Candidate);
  if (budget_.Take(needed)) {
    taken_bytes_ = needed;
  } else {
    result.skipped += Take();
  }
  return result;
}

void FrameSearch::Revisit(Match& match) {
  std::vector<Candidate> candidates;
  candidates.swap(candidates_);
  for (const Candidate& candidate : candidates) {
    if (held_.size() < candidate.wake) {
      candidates_.push_back(candidate);
    } else if (candidate.begin < match.end) {
      Look(candidate.begin, match);
    }
  }
}

void FrameSearch::Look(std::size_t begin, Match& match) {
  const FrameRun run = FindRun(std::string_view(held_).substr(begin));
  if (run.detection == Detection::kNoMatch || run.bytes > kMaxRunBytes) return;
  const std::size_t end = begin + run.bytes;
  if (run.detection == Detection::kMatch) {
    if (end < match.end) match = {begin, end};
  } else {
    candidates_.push_back({static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end)});
  }
}

void FrameSearch::DropFront(std::size_t bytes) {
  if (bytes == 0) return;
  held_.erase(0, bytes);
  for (Candidate& candidate : candidates_) {
    candidate.begin -= static_cast<std::uint32_t>(bytes);
    candidate.wake -= static_cast<std::uint32_t>(bytes);
  }
}

std::string FrameSearch::Take() {
  std::string held = std::move(held_);
  Clear();
  return held;
}

void FrameSearch::Clear() {
  std::string().swap(held_);
  std::vector<Candidate>().swap(candidates_);
  budget_.Give(std::exchange(taken_bytes_, 0));
}

}  // namespace tlscope::http2
