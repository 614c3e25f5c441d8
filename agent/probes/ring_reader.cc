// SPDX-License-Identifier: Apache-2.0
#include "agent/probes/ring_reader.h"

#include <bpf/libbpf.h>
#include <poll.h>

#include <cerrno>
#include <utility>

namespace tlscope {
namespace {

// Records between two looks at the clock: well under 100 ms of work.
constexpr std::uint32_t kRecordsPerPause = 4096;

// A record waits at most this long. Sleeping this short costs the reader 100 empty wakeups a
// second while there is traffic, and the traced programs none.
constexpr int kBusySleepMs = 10;

// Without traffic: only the processor's ticks are due, and the first record wakes.
constexpr int kIdleSleepMs = 100;

// Sleeps without a record after which the reader calls itself idle.
constexpr int kIdleAfterSleeps = 100;

constexpr std::uint64_t kWakeAtFirst = 1;

}  // namespace

void FreeRing(ring_buffer* ring) { ring_buffer__free(ring); }

Result<std::unique_ptr<RingReader>> RingReader::Open(const ProbeSession& probes,
                                                     std::uint64_t ring_bytes, OnRecord on_record,
                                                     OnPause on_pause) {
  std::unique_ptr<RingReader> reader(
      new RingReader(probes.wake_mark(), ring_bytes, std::move(on_record), std::move(on_pause)));
  reader->ring_.reset(ring_buffer__new(probes.ring_fd(), HandleRecord, reader.get(), nullptr));
  if (!reader->ring_) return Fail(Errc::kSystem, errno, "map the ring buffer");
  return reader;
}

// An eighth of the ring: early enough that it does not fill up before the reader runs.
RingReader::RingReader(volatile std::uint64_t* wake_mark, std::uint64_t ring_bytes,
                       OnRecord on_record, OnPause on_pause)
    : wake_mark_(wake_mark),
      batch_bytes_(ring_bytes / 8),
      on_record_(std::move(on_record)),
      on_pause_(std::move(on_pause)) {}

int RingReader::HandleRecord(void* self, void* data, std::size_t size) noexcept {
  auto& reader = *static_cast<RingReader*>(self);
  ++reader.records_;
  reader.on_record_({static_cast<const std::byte*>(data), size});
  // Any negative value leaves ring_buffer__consume, with this record consumed.
  return ++reader.since_pause_ >= kRecordsPerPause ? -EAGAIN : 0;
}

bool RingReader::Consume() {
  since_pause_ = 0;
  ring_buffer__consume(ring_.get());
  on_pause_();
  return since_pause_ > 0;
}

void RingReader::Sleep(bool idle) {
  *wake_mark_ = idle ? kWakeAtFirst : batch_bytes_;
  // What was written before the mark was seen wakes nobody: look once more.
  if (Consume()) return;
  pollfd ready{ring_buffer__epoll_fd(ring_.get()), POLLIN, 0};
  poll(&ready, 1, idle ? kIdleSleepMs : kBusySleepMs);
}

void RingReader::Run(const std::atomic<bool>& stop) {
  int empty_sleeps = 0;
  while (!stop.load(std::memory_order_acquire)) {
    if (Consume()) {
      empty_sleeps = 0;
      if (since_pause_ >= kRecordsPerPause) continue;
    } else {
      ++empty_sleeps;
    }
    Sleep(empty_sleeps >= kIdleAfterSleeps);
  }
  while (Consume()) {
  }
}

}  // namespace tlscope
