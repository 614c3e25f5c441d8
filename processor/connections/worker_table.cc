// SPDX-License-Identifier: Apache-2.0
#include "processor/connections/worker_table.h"

#include <tuple>
#include <utility>

namespace tlscope {

WorkerTable::Slot* WorkerTable::Find(const SslId& id) {
  if (latest_ != nullptr && latest_->id_ == id) return latest_;
  const auto found = slots_.find(id);
  if (found == slots_.end()) return nullptr;
  latest_ = &found->second;
  return latest_;
}

WorkerTable::Slot& WorkerTable::Create(const SSLDataEvent& first, const WorkerEnv& env) {
  const auto [place, fresh] = slots_.try_emplace(first.ssl, first, env);
  latest_ = &place->second;
  return *latest_;
}

void WorkerTable::Touch(Slot& slot, std::uint64_t ktime_ns) {
  slot.active_ktime_ns_ = ktime_ns;
  const SocketId& socket = slot.worker.info().socket;
  if (socket.known()) {
    if (!slot.ListHook<BySocket>::linked()) by_socket_[socket].PushBack(slot);
    bound_.PushBack(slot);
  } else {
    unbound_.PushBack(slot);
  }
  if (slot.worker.pausable()) {
    holding_raw_.PushBack(slot);
  } else if (slot.worker.undecided()) {
    undecided_.PushBack(slot);
  } else {
    slot.ListHook<ByHolding>::Unlink();
  }
}

void WorkerTable::Erase(Slot& slot) {
  const SslId id = slot.id_;
  const SocketId socket = slot.worker.info().socket;
  if (latest_ == &slot) latest_ = nullptr;
  slots_.erase(id);
  const auto found = by_socket_.find(socket);
  if (found != by_socket_.end() && found->second.empty()) by_socket_.erase(found);
}

WorkerTable::Slot* WorkerTable::OnSocket(const SocketId& socket) {
  const auto found = by_socket_.find(socket);
  return found == by_socket_.end() ? nullptr : found->second.front();
}

WorkerTable::Slot* WorkerTable::LeastRecent() {
  Slot* const unbound = unbound_.front();
  Slot* const bound = bound_.front();
  if (unbound == nullptr || bound == nullptr) return unbound != nullptr ? unbound : bound;
  return unbound->active_ktime_ns_ <= bound->active_ktime_ns_ ? unbound : bound;
}

WorkerTable::Slot* WorkerTable::Idle(std::uint64_t now_ns, std::uint64_t idle_ns) {
  return FirstDue(unbound_, now_ns, idle_ns);
}

WorkerTable::Slot* WorkerTable::Paused(std::uint64_t now_ns, std::uint64_t pause_ns) {
  Slot* const slot = FirstDue(holding_raw_, now_ns, pause_ns);
  if (slot == nullptr) return nullptr;
  if (slot->worker.undecided()) {
    undecided_.PushBack(*slot);
  } else {
    slot->ListHook<ByHolding>::Unlink();
  }
  return slot;
}

WorkerTable::Slot* WorkerTable::Stalled(std::uint64_t now_ns, std::uint64_t stall_ns) {
  Slot* const slot = FirstDue(undecided_, now_ns, stall_ns);
  if (slot != nullptr) slot->ListHook<ByHolding>::Unlink();
  return slot;
}

/// The first of `list`, which is in order of last events, if that was `wait_ns` ago.
template <class List>
WorkerTable::Slot* WorkerTable::FirstDue(List& list, std::uint64_t now_ns, std::uint64_t wait_ns) {
  for (;;) {
    Slot* const slot = list.front();
    if (slot == nullptr) return nullptr;
    if (slot->active_ktime_ns_ <= now_ns) {
      return now_ns - slot->active_ktime_ns_ >= wait_ns ? slot : nullptr;
    }
    // A time from the future would keep those behind it from being seen: it counts as now.
    slot->active_ktime_ns_ = now_ns;
    list.PushBack(*slot);
  }
}

}  // namespace tlscope
