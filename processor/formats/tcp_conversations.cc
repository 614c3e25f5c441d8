// SPDX-License-Identifier: Apache-2.0
#include "processor/formats/tcp_conversations.h"

#include <algorithm>
#include <utility>

namespace tlscope {
namespace {

Endpoint Mapped(const Endpoint& end) {
  Endpoint mapped;
  mapped.address[10] = mapped.address[11] = 0xff;
  std::copy_n(end.address.begin(), 4, mapped.address.begin() + 12);
  mapped.port = end.port;
  return mapped;
}

/// An address for documentation (RFC 3849) with the connection's id as its last half.
Endpoint MadeUp(std::uint64_t id, std::uint8_t side, std::uint16_t port) {
  Endpoint end;
  end.address = {0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, side};
  for (std::size_t i = 0; i < 8; ++i) {
    end.address[8 + i] = static_cast<std::uint8_t>(id >> (56 - 8 * i));
  }
  end.port = port;
  return end;
}

}  // namespace

TcpConversation::TcpConversation(std::uint64_t connection_id)
    : id(connection_id),
      first_sequence{static_cast<std::uint32_t>(id >> 32), static_cast<std::uint32_t>(id)} {}

TcpConversation* TcpConversations::Find(std::uint64_t id) {
  const auto found = by_id_.find(id);
  if (found == by_id_.end()) return nullptr;
  by_use_.PushBack(found->second);
  return &found->second;
}

TcpConversation& TcpConversations::Add(std::uint64_t id, const Tuple& tuple) {
  if (by_id_.size() >= kMaxConversations) Forget(*by_use_.front());
  TcpConversation& conversation = by_id_.try_emplace(id, id).first->second;
  conversation.tuple = tuple;
  ChooseAddresses(conversation);
  by_use_.PushBack(conversation);
  return conversation;
}

void TcpConversations::Forget(TcpConversation& conversation) {
  const auto shown = static_cast<std::size_t>(conversation.addresses);
  const auto taken = taken_.find(EndsOf(conversation.tuple));
  if (taken != taken_.end() && shown < taken->second.size()) {
    taken->second[shown] = false;
    if (!taken->second[0] && !taken->second[1]) taken_.erase(taken);
  }
  by_id_.erase(conversation.id);
}

void TcpConversations::ChooseAddresses(TcpConversation& conversation) {
  const Tuple& tuple = conversation.tuple;
  const auto set = [&](ShownAddresses addresses, AddressFamily family, const Endpoint& local,
                       const Endpoint& remote) {
    conversation.addresses = addresses;
    conversation.shown = {family, local, remote};
  };
  if (tuple.family != AddressFamily::kNone) {
    std::array<bool, 2>& taken = taken_[EndsOf(tuple)];
    if (!std::exchange(taken[0], true)) {
      return set(ShownAddresses::kTrue, tuple.family, tuple.local, tuple.remote);
    }
    if (tuple.family == AddressFamily::kIpv4 && !std::exchange(taken[1], true)) {
      return set(ShownAddresses::kMapped, AddressFamily::kIpv6, Mapped(tuple.local),
                 Mapped(tuple.remote));
    }
  }
  const bool unknown = tuple.family == AddressFamily::kNone;
  set(unknown ? ShownAddresses::kUnknown : ShownAddresses::kMadeUp, AddressFamily::kIpv6,
      MadeUp(conversation.id, 1, tuple.local.port), MadeUp(conversation.id, 2, tuple.remote.port));
}

TcpConversations::Ends TcpConversations::EndsOf(const Tuple& tuple) {
  const auto key = [](const Endpoint& end) { return std::pair(end.address, end.port); };
  const auto [first, second] = std::minmax({key(tuple.local), key(tuple.remote)});
  return {tuple.family, first.first, first.second, second.first, second.second};
}

}  // namespace tlscope
