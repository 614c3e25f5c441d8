// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tlscope {

/// Every topic there is. Names are hierarchical, at most four levels, joined by dots.
enum class Topic : std::uint8_t {
  kTlsData,            ///< events.tls.data: bytes of no known protocol
  kTlsHandshake,       ///< events.tls.handshake
  kTlsProtocol,        ///< events.tls.protocol: what is spoken was found out
  kTlsPlaintext,       ///< events.tls.plaintext: pieces as they passed; no wildcard covers it
  kTlsLost,            ///< events.tls.lost: plaintext that never reached its parser, and events
                       ///< that the rate limit dropped
  kConnOpened,         ///< events.conn.opened
  kConnClosed,         ///< events.conn.closed
  kHttpRequest,        ///< events.http.request
  kHttpResponse,       ///< events.http.response
  kHttpExchange,       ///< events.http.exchange
  kHttpFrame,          ///< events.http.frame: one frame of HTTP/2
  kWebSocketMessage,   ///< events.websocket.message
  kProcessDiscovered,  ///< events.process.discovered
  kLibraryAttached,    ///< events.library.attached
  kLibraryFailed,      ///< events.library.failed
  kLibraryDetached,    ///< events.library.detached
  kAgentLifecycle,     ///< control.agent.lifecycle
  kAgentConfig,        ///< control.agent.config
  kAgentTask,          ///< control.agent.task: commands, stages, progress
  kHealthHeartbeat,    ///< control.health.heartbeat
  kHealthStatus,       ///< control.health.status: metrics
  kHealthDiagnostics,  ///< control.health.diagnostics: warnings, retries, limits
};
inline constexpr std::size_t kTopics = 22;

/// Who may read a topic.
enum class TopicAccess : std::uint8_t {
  kPublic,      ///< everybody who can reach the agent
  kRestricted,  ///< root, and the group that the agent was told of
  kPrivileged,  ///< root
};

/// The dotted name of a topic.
std::string_view TopicName(Topic topic);

TopicAccess AccessOf(Topic topic);

/// Whether `pattern` (levels joined by dots; `+` stands for one level, `#` last for any number,
/// none included) matches `name`. A malformed pattern matches nothing; see ValidTopicPattern.
bool TopicMatches(std::string_view pattern, std::string_view name);

/// Levels are not empty, `+` and `#` stand alone in theirs, `#` only last, at most four levels.
bool ValidTopicPattern(std::string_view pattern);

/// A set of topics, a bit each.
using TopicSet = std::uint32_t;
static_assert(kTopics <= 32);

constexpr TopicSet Only(Topic topic) { return TopicSet{1} << static_cast<unsigned>(topic); }

/// The topics that a pattern covers; none when it is malformed. kTlsPlaintext, which says once more
/// what messages say, is covered by its own name alone.
TopicSet TopicsOf(std::string_view pattern);

}  // namespace tlscope
