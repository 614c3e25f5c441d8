// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "parsers/core/byte_budget.h"

namespace tlscope::http2 {

/// What the responses to one direction's requests need to know of them: of those requests only that
/// change how a response is read. At most kMaxNotes, the oldest gives way.
class RequestNotes {
 public:
  static constexpr std::size_t kMaxNotes = 1024;

  /// What a request asks its stream for.
  enum class Asked : std::uint8_t { kTunnel, kWebSocket, kRpc };

  struct Note {
    std::uint32_t stream_id;
    Asked asked;
    std::string rpc;  ///< of kRpc: "/package.Service/Method"
  };

  /// `budget` must outlive it.
  explicit RequestNotes(ByteBudget& budget) : budget_(budget) {}
  ~RequestNotes() { Clear(); }
  RequestNotes(const RequestNotes&) = delete;
  RequestNotes& operator=(const RequestNotes&) = delete;

  /// Takes the place of the stream's note before. Nothing is kept when the budget refuses.
  void Add(Note note);
  /// Null when there is none. Valid until the next change.
  const Note* Find(std::uint32_t stream_id) const;
  void Forget(std::uint32_t stream_id);
  void Clear();
  std::uint64_t held_bytes() const { return held_bytes_; }

 private:
  ByteBudget& budget_;
  std::vector<Note> notes_;  ///< from the oldest on
  std::uint64_t held_bytes_ = 0;
};

}  // namespace tlscope::http2
