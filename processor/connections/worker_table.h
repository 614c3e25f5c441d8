// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>

#include "processor/base/intrusive_list.h"
#include "processor/base/keyed_hash.h"
#include "processor/connections/connection_worker.h"
#include "processor/connections/id_hash.h"
#include "processor/connections/worker_env.h"
#include "processor/events/kernel_records.h"

namespace tlscope {

/// All workers of a processor, found by SSL object, by socket, by age of their last event and by
/// what they hold. No operation walks more than what it returns. One thread.
class WorkerTable {
  struct ByActivity {};
  struct ByHolding {};
  struct BySocket {};

 public:
  /// A worker and its places in the table. Stays where it is until erased.
  class Slot : private ListHook<ByActivity>,
               private ListHook<ByHolding>,
               private ListHook<BySocket> {
   public:
    Slot(const SSLDataEvent& first, const WorkerEnv& env) : worker(first, env), id_(first.ssl) {}

    ConnectionWorker worker;

   private:
    friend class WorkerTable;
    template <class, class>
    friend class IntrusiveList;

    SslId id_;
    std::uint64_t active_ktime_ns_ = 0;
  };

  explicit WorkerTable(const HashKey& key) : slots_(0, IdHash{key}), by_socket_(0, IdHash{key}) {}
  WorkerTable(const WorkerTable&) = delete;
  WorkerTable& operator=(const WorkerTable&) = delete;

  std::size_t size() const { return slots_.size(); }

  /// Null when there is none.
  Slot* Find(const SslId& id);

  /// A worker for the connection of `first`, of which there is none.
  Slot& Create(const SSLDataEvent& first, const WorkerEnv& env);

  /// The worker had an event at `ktime_ns`: it is the most recently active one, and its socket, if
  /// known, leads to it.
  void Touch(Slot& slot, std::uint64_t ktime_ns);

  /// Destroys the worker.
  void Erase(Slot& slot);

  /// Some worker of this socket; null when there is none.
  Slot* OnSocket(const SocketId& socket);

  /// The worker whose last event is oldest; null when the table is empty.
  Slot* LeastRecent();

  /// A worker of unknown socket that had no event for `idle_ns` at `now_ns`; null when there is
  /// none.
  Slot* Idle(std::uint64_t now_ns, std::uint64_t idle_ns);

  /// A worker that holds raw bytes and had no event for `pause_ns` at `now_ns`; each is returned
  /// once per pause. Null when there is none.
  Slot* Paused(std::uint64_t now_ns, std::uint64_t pause_ns);

  /// Likewise for one that is undecided.
  Slot* Stalled(std::uint64_t now_ns, std::uint64_t stall_ns);

 private:
  template <class List>
  static Slot* FirstDue(List& list, std::uint64_t now_ns, std::uint64_t wait_ns);

  using Activity = IntrusiveList<Slot, ByActivity>;
  Activity unbound_;                            // socket unknown, by last event
  Activity bound_;                              // socket known; by last event
  IntrusiveList<Slot, ByHolding> holding_raw_;  // holding raw bytes; by last event
  IntrusiveList<Slot, ByHolding>
      undecided_;           // protocol undecided, no raw bytes held; by last event
  Slot* latest_ = nullptr;  // found last: pieces of one call come in a row
  std::unordered_map<SslId, Slot, IdHash> slots_;
  std::unordered_map<SocketId, IntrusiveList<Slot, BySocket>, IdHash> by_socket_;
};

}  // namespace tlscope
