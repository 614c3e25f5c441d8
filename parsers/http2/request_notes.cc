// SPDX-License-Identifier: Apache-2.0
#include "parsers/http2/request_notes.h"

#include <algorithm>
#include <utility>

namespace tlscope::http2 {
namespace {

std::uint64_t BytesOf(const RequestNotes::Note& note) { return sizeof note + note.rpc.size(); }

}  // namespace

void RequestNotes::Add(Note note) {
  Forget(note.stream_id);
  if (notes_.size() == kMaxNotes) Forget(notes_.front().stream_id);
  const std::uint64_t bytes = BytesOf(note);
  if (!budget_.Take(bytes)) return;
  held_bytes_ += bytes;
  notes_.push_back(std::move(note));
}

const RequestNotes::Note* RequestNotes::Find(std::uint32_t stream_id) const {
  for (const Note& note : notes_) {
    if (note.stream_id == stream_id) return &note;
  }
  return nullptr;
}

void RequestNotes::Forget(std::uint32_t stream_id) {
  const auto same = [stream_id](const Note& note) { return note.stream_id == stream_id; };
  const auto found = std::find_if(notes_.begin(), notes_.end(), same);
  if (found == notes_.end()) return;
  const std::uint64_t bytes = BytesOf(*found);
  budget_.Give(bytes);
  held_bytes_ -= bytes;
  notes_.erase(found);
}

void RequestNotes::Clear() {
  budget_.Give(held_bytes_);
  held_bytes_ = 0;
  notes_.clear();
}

}  // namespace tlscope::http2
