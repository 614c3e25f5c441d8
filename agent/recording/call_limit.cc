// SPDX-License-Identifier: Apache-2.0
#include "agent/recording/call_limit.h"

namespace tlscope {

bool CallLimit::Admit(const SSLDataEvent& piece) {
  const std::uint32_t thread = piece.origin.tid;
  bool admitted = true;
  if (piece.chunk_offset == 0) {
    under_way_.erase(thread);  // of a call whose last piece was lost
    admitted = !full();
    if (admitted)
      ++calls_;
    else
      refused_ = true;
  } else if (full()) {
    admitted = under_way_.contains(thread);
  }
  const bool ends = piece.ends_call || piece.chunk_offset + piece.data.size() == piece.call_bytes;
  if (ends)
    under_way_.erase(thread);
  else if (admitted && most_ != 0)
    under_way_.insert(thread);
  return admitted;
}

}  // namespace tlscope
