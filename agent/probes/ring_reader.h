// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "agent/probes/bpf_handles.h"
#include "agent/probes/probe_session.h"
#include "processor/base/result.h"

struct ring_buffer;

namespace tlscope {

void FreeRing(ring_buffer* ring);

/// Reads the ring of one ProbeSession: each record in place, in order, on the caller's thread.
class RingReader {
 public:
  using OnRecord = std::function<void(std::span<const std::byte>)>;
  using OnPause = std::function<void()>;

  /// `on_record` is called per record, which it must not keep; `on_pause` at least every 100 ms.
  /// Neither may throw. The session is borrowed and outlives the reader.
  static Result<std::unique_ptr<RingReader>> Open(const ProbeSession& probes,
                                                  std::uint64_t ring_bytes, OnRecord on_record,
                                                  OnPause on_pause);

  /// Reads until `stop` is set, then all that is left.
  void Run(const std::atomic<bool>& stop);

  std::uint64_t records() const { return records_; }

 private:
  RingReader(volatile std::uint64_t* wake_mark, std::uint64_t ring_bytes, OnRecord on_record,
             OnPause on_pause);
  static int HandleRecord(void* self, void* data, std::size_t size) noexcept;
  bool Consume();
  void Sleep(bool idle);

  volatile std::uint64_t* wake_mark_;
  std::uint64_t batch_bytes_;
  OnRecord on_record_;
  OnPause on_pause_;
  std::uint64_t records_ = 0;
  std::uint32_t since_pause_ = 0;
  std::unique_ptr<ring_buffer, Deleter<FreeRing>> ring_;
};

}  // namespace tlscope
