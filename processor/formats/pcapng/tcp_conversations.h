// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <set>
#include <tuple>
#include <unordered_map>

#include "processor/base/intrusive_list.h"
#include "processor/base/keyed_hash.h"
#include "processor/events/kernel_records.h"

namespace tlscope {

/// Why packets of a connection carry the addresses they carry.
enum class ShownAddresses : std::uint8_t {
  kTrue,
  kMapped,   ///< the true IPv4 ones as IPv6 (RFC 4291 2.5.5.2): another connection has those
  kMadeUp,   ///< another connection has the true ones, and they cannot be mapped
  kUnknown,  ///< made up, too: they were not known when the connection was first told of
};

struct ByUse;

/// What has to be remembered of a connection to write it as TCP.
struct TcpConversation : ListHook<ByUse> {
  explicit TcpConversation(std::uint64_t connection_id);

  std::uint64_t id;
  Tuple tuple;  ///< as known when the conversation began
  Tuple shown;  ///< its family is never kNone
  ShownAddresses addresses = ShownAddresses::kTrue;
  bool started = false;  ///< a packet was written
  // By DataType:
  std::array<std::uint32_t, 2> first_sequence;  ///< the number of the byte whose offset is 0
  std::array<std::uint64_t, 2> reached{};       ///< the offset after the latest byte
  std::array<bool, 2> heard{};                  ///< `reached` is known
  std::uint64_t unix_ns = 0;                    ///< of its latest packet
};

/// The connections that are written as TCP now, at most kMaxConversations: the one that was told of
/// longest ago is forgotten for a new one. If it goes on, its packets have the same numbers as
/// before, which are made from its id.
///
/// Programs that read packets tell connections apart by their addresses alone. Two that have the
/// same, such as both ends of one connection within this host, would be mixed up, so that only the
/// first one shows them as they are.
class TcpConversations {
 public:
  static constexpr std::size_t kMaxConversations = 65536;

  /// Null when the connection is not remembered.
  TcpConversation* Find(std::uint64_t id);

  /// Of a connection that is not remembered.
  TcpConversation& Add(std::uint64_t id, const Tuple& tuple);

  void Forget(TcpConversation& conversation);

  std::size_t size() const { return by_id_.size(); }

 private:
  /// The same for both ends.
  using Ends = std::tuple<AddressFamily, std::array<std::uint8_t, 16>, std::uint16_t,
                          std::array<std::uint8_t, 16>, std::uint16_t>;
  struct Hash {
    HashKey key;
    std::size_t operator()(std::uint64_t id) const { return KeyedHash(key, id, 0); }
  };

  static Ends EndsOf(const Tuple& tuple);
  void ChooseAddresses(TcpConversation& conversation);

  IntrusiveList<TcpConversation, ByUse> by_use_;  // first: elements take themselves off it
  // Ids may come from other hosts: the key keeps them from being chosen to collide.
  std::unordered_map<std::uint64_t, TcpConversation, Hash> by_id_{0, Hash{RandomHashKey()}};
  std::set<Ends> taken_;  ///< shown of connections, unless made up
};

}  // namespace tlscope
