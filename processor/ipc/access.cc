// SPDX-License-Identifier: Apache-2.0
#include "processor/ipc/access.h"

#include <grp.h>

#include <algorithm>
#include <bit>
#include <cerrno>

namespace tlscope {
namespace {

// A group's members are listed in its record, so that one may be long.
constexpr std::size_t kMaxGroupRecordBytes = std::size_t{1} << 24;

Role RoleThatReads(TopicAccess access) {
  switch (access) {
    case TopicAccess::kPublic:
      return Role::kPublic;
    case TopicAccess::kRestricted:
      return Role::kGroup;
    case TopicAccess::kPrivileged:
      break;
  }
  return Role::kOwner;
}

}  // namespace

Result<Group> FindGroup(const std::string& name) {
  group record{};
  group* found = nullptr;
  std::vector<char> buffer(4096);
  int error = 0;
  while ((error = getgrnam_r(name.c_str(), &record, buffer.data(), buffer.size(), &found)) ==
             ERANGE &&
         buffer.size() < kMaxGroupRecordBytes) {
    buffer.resize(2 * buffer.size());
  }
  if (found != nullptr) return Group{found->gr_gid, name};
  return Fail(Errc::kUsage, error, "find the group '" + name + "'",
              "name a group that 'getent group' lists, or make it with groupadd");
}

Role RoleOf(const Peer& peer, const AccessPolicy& policy) {
  if (peer.uid == 0 || peer.uid == policy.owner) return Role::kOwner;
  if (!policy.group) return Role::kPublic;
  const gid_t group = policy.group->id;
  const bool member =
      peer.gid == group || std::count(peer.groups.begin(), peer.groups.end(), group);
  return member ? Role::kGroup : Role::kPublic;
}

TopicSet ReadableTopics(Role role) {
  TopicSet topics = 0;
  for (std::size_t i = 0; i < kTopics; ++i) {
    const auto topic = static_cast<Topic>(i);
    if (RoleThatReads(AccessOf(topic)) <= role) topics |= Only(topic);
  }
  return topics;
}

std::string WhoHas(Role role, const AccessPolicy& policy) {
  std::string who = "root";
  if (policy.owner != 0) who += " and user id " + std::to_string(policy.owner);
  if (role == Role::kGroup && policy.group) who += " and the group '" + policy.group->name + "'";
  return who;
}

std::string RefusalOf(std::string_view pattern, Role role, const AccessPolicy& policy) {
  const TopicSet topics = TopicsOf(pattern);
  const TopicSet refused = topics & ~ReadableTopics(role);
  if (refused == 0) return {};
  const auto topic = static_cast<Topic>(std::countr_zero(refused));
  const Role needed = RoleThatReads(AccessOf(topic));
  std::string text = "topic '" + std::string(TopicName(topic)) + "' may be read by " +
                     WhoHas(needed, policy) + " only";
  if (needed == Role::kGroup && !policy.group)
    text += " (an agent started with --ipc-group lets a group read it, too)";
  const bool events = role == Role::kGroup && (topics & TopicsOf("events.#")) != 0;
  text += events ? "; subscribe to 'events.#'" : "; subscribe to 'control.health.#'";
  return text + ", or run as root";
}

}  // namespace tlscope
