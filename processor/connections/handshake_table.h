// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <string>
#include <unordered_map>

#include "processor/base/keyed_hash.h"
#include "processor/connections/id_hash.h"
#include "processor/events/bus_events.h"
#include "processor/events/kernel_records.h"

namespace tlscope {

/// What handshakes told, until the connections they are of are over. Of an SSL object; or of a
/// socket, where the program moves the records itself. The oldest are forgotten beyond kMax. One
/// thread.
class HandshakeTable {
 public:
  static constexpr std::size_t kMax = 65536;

  explicit HandshakeTable(const HashKey& key) : by_ssl_(key), by_socket_(key) {}

  /// Adds what `event`, which says `told`, is news of. False when an older entry had to go.
  bool Add(const SSLHandshakeEvent& event, const HandshakeFacts& told);

  /// What is known of an SSL object, and of the socket that its records were found on.
  HandshakeFacts Find(const SslId& ssl, const SocketId& socket) const;

  void Forget(const SslId& ssl) { by_ssl_.Erase(ssl); }
  void Forget(const SocketId& socket) { by_socket_.Erase(socket); }

  std::size_t size() const { return by_ssl_.size() + by_socket_.size(); }

 private:
  struct Entry {
    SocketId socket;  ///< that the handshake was on
    HandshakeFacts facts;
  };

  /// Entries in the order in which they came.
  template <class Id>
  class Recent {
   public:
    explicit Recent(const HashKey& key) : places_(0, IdHash{key}) {}

    std::size_t size() const { return places_.size(); }

    const Entry* Find(const Id& id) const {
      const auto place = places_.find(id);
      return place == places_.end() ? nullptr : &place->second->second;
    }

    /// There is one from now on; the oldest goes when there are too many.
    Entry& At(const Id& id, bool& evicted) {
      if (const auto place = places_.find(id); place != places_.end()) return place->second->second;
      evicted = places_.size() == kMax;
      if (evicted) Erase(Id(entries_.front().first));
      entries_.emplace_back(id, Entry{});
      places_.emplace(id, std::prev(entries_.end()));
      return entries_.back().second;
    }

    void Erase(const Id& id) {
      const auto place = places_.find(id);
      if (place == places_.end()) return;
      entries_.erase(place->second);
      places_.erase(place);
    }

   private:
    using Entries = std::list<std::pair<Id, Entry>>;
    Entries entries_;
    std::unordered_map<Id, typename Entries::iterator, IdHash> places_;
  };

  Recent<SslId> by_ssl_;
  Recent<SocketId> by_socket_;
};

}  // namespace tlscope
