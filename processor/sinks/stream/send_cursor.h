// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cassert>

#include "processor/sinks/stream/chunk_queue.h"

namespace tlscope {

/// How far a sender is in a ChunkQueue:
///
///     freed | given away | sent, and kept until     | handed out  | waiting
///           |            | it is acknowledged       | to be sent  |
///   begin() .....released ...................... sent ...... gathered ...... end()
///
/// The four never change places. What of it is acknowledged is given away at once, but for a block
/// that is cut off or handed out: the peer is in the middle of it.
struct SendCursor {
  using Offset = ChunkQueue::Offset;

  Offset released = 0;  ///< where the first item begins that the peer is still to get
  Offset sent = 0;      ///< the first byte that was not sent on this connection
  Offset gathered = 0;  ///< where what was handed out ends; the same as `sent`: nothing is

  /// A connection begins: what was not given away is sent once more.
  void Rewind() { sent = gathered = released; }
  void Gather(Offset until) { gathered = until; }
  /// `bytes` of what was gathered were sent, and the rest was not.
  void Send(Offset bytes) {
    assert(sent + bytes <= gathered);
    sent += bytes;
    gathered = sent;
  }
  /// What comes before `offset` need not be sent: the peer has it.
  void Skip(Offset offset) {
    assert(gathered == sent && offset >= sent);
    sent = gathered = offset;
  }
  void Release(Offset offset) {
    assert(offset >= released && offset <= sent);
    released = offset;
  }
  bool IsWithin(const ChunkQueue& queue) const {
    return queue.begin() <= released && released <= sent && sent <= gathered &&
           gathered <= queue.end();
  }
};

}  // namespace tlscope
