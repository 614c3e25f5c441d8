// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "processor/base/result.h"
#include "processor/events/topic.h"
#include "processor/net/server/peer_credentials.h"

namespace tlscope {

struct Group {
  gid_t id;
  std::string name;
};

/// The group of this name in the system's database.
Result<Group> FindGroup(const std::string& name);

/// Whom the agent belongs to, and who may read what it captures besides.
struct AccessPolicy {
  uid_t owner;
  std::optional<Group> group = {};
};

/// What a peer may do; each may what those before it may.
enum class Role : std::uint8_t {
  kPublic,  ///< anybody: public topics
  kGroup,   ///< a member of the agent's group: restricted topics, and the agent's status
  kOwner,   ///< root, or the agent's own user: everything
};

Role RoleOf(const Peer& peer, const AccessPolicy& policy);

/// The topics that a role may read.
TopicSet ReadableTopics(Role role);

/// Why a pattern that covers a topic which the role may not read is refused: the topic, who may
/// read it, and a pattern that would work. Empty when it is not refused.
std::string RefusalOf(std::string_view pattern, Role role, const AccessPolicy& policy);

/// "root", "root and user id 1000", "root and the group 'wheel'": who has at least this role, for
/// the texts of refusals. Not for kPublic.
std::string WhoHas(Role role, const AccessPolicy& policy);

}  // namespace tlscope
