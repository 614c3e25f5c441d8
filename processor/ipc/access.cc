// SPDX-License-Identifier: Apache-2.0
#include "processor/ipc/access.h"

#include <grp.h>
#include <sys/socket.h>

#include <algorithm>
#include <bit>
#include <cerrno>

namespace tlscope {
namespace {

// NGROUPS_MAX of Linux (credentials(7)): nobody is in more.
constexpr std::size_t kMaxGroups = 65536;

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

Result<std::vector<gid_t>> GroupsOf(int socket_fd) {
  std::vector<gid_t> groups(64);
  for (;;) {
    auto bytes = static_cast<socklen_t>(groups.size() * sizeof(gid_t));
    if (getsockopt(socket_fd, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &bytes) == 0) {
      groups.resize(bytes / sizeof(gid_t));
      return groups;
    }
    const int error = errno;
    const std::size_t wanted = bytes / sizeof(gid_t);
    if (error != ERANGE || wanted <= groups.size() || wanted > kMaxGroups)
      return Fail(Errc::kSystem, error, "read the groups of a client");
    groups.resize(wanted);
  }
}

}  // namespace

Result<Peer> PeerOf(int socket_fd) {
  ucred credentials{};
  socklen_t bytes = sizeof credentials;
  if (getsockopt(socket_fd, SOL_SOCKET, SO_PEERCRED, &credentials, &bytes) != 0)
    return Fail(Errc::kSystem, errno, "read the user of a client");
  Result<std::vector<gid_t>> groups = GroupsOf(socket_fd);
  if (!groups) return tl::make_unexpected(groups.error());
  return Peer{credentials.uid, credentials.gid, credentials.pid, std::move(*groups)};
}

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
