// SPDX-License-Identifier: Apache-2.0
#include "processor/formats/pcapng/tcp_conversations.h"

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

Tuple Mapped(const Tuple& tuple) {
  return {AddressFamily::kIpv6, Mapped(tuple.local), Mapped(tuple.remote)};
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
  const bool true_or_mapped = conversation.addresses == ShownAddresses::kTrue ||
                              conversation.addresses == ShownAddresses::kMapped;
  if (true_or_mapped) taken_.erase(EndsOf(conversation.shown));
  by_id_.erase(conversation.id);
}

void TcpConversations::ChooseAddresses(TcpConversation& conversation) {
  const Tuple& tuple = conversation.tuple;
  const auto show = [&](ShownAddresses addresses, const Tuple& shown) {
    conversation.addresses = addresses;
    conversation.shown = shown;
  };
  const auto take = [&](const Tuple& shown) { return taken_.insert(EndsOf(shown)).second; };
  const bool known = tuple.family != AddressFamily::kNone;
  if (known && take(tuple)) return show(ShownAddresses::kTrue, tuple);
  if (tuple.family == AddressFamily::kIpv4 && take(Mapped(tuple))) {
    return show(ShownAddresses::kMapped, Mapped(tuple));
  }
  show(known ? ShownAddresses::kMadeUp : ShownAddresses::kUnknown,
       {AddressFamily::kIpv6, MadeUp(conversation.id, 1, tuple.local.port),
        MadeUp(conversation.id, 2, tuple.remote.port)});
}

TcpConversations::Ends TcpConversations::EndsOf(const Tuple& tuple) {
  const auto key = [](const Endpoint& end) { return std::pair(end.address, end.port); };
  const auto [first, second] = std::minmax({key(tuple.local), key(tuple.remote)});
  return {tuple.family, first.first, first.second, second.first, second.second};
}

}  // namespace tlscope
