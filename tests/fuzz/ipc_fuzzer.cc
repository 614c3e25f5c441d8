// SPDX-License-Identifier: Apache-2.0
//
// What a client sends to the broker, under a schedule of pieces.
//
// Input: the stream, then a byte that says who the client is and how the stream is cut.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include "processor/bus/event_bus.h"
#include "processor/ipc/broker_session.h"
#include "processor/ipc/command.h"
#include "tests/fuzz/check.h"

namespace tlscope {
namespace {

constexpr gid_t kGroup = 7;

Peer PeerOf(unsigned who) {
  switch (who) {
    case 0:
      return {.uid = 0, .gid = 0, .pid = 1};
    case 1:
      return {.uid = 1000, .gid = kGroup, .pid = 1};
    default:
      return {.uid = 1000, .gid = 1000, .pid = 1};
  }
}

struct Outcome {
  std::string said;
  std::string commands;
  std::size_t subscriptions = 0;
  bool finished = false;
  bool operator==(const Outcome&) const = default;
};

/// What the session says to a stream that comes `grain` bytes at a time.
Outcome Run(std::string_view stream, std::size_t grain, unsigned who) {
  static EventBus bus({.ring_bytes = 1 << 16});
  static const AccessPolicy policy{.owner = 500, .group = Group{kGroup, "g"}};
  static const BrokerLimits limits;
  const Peer peer = PeerOf(who);
  const Role role = RoleOf(peer, policy);
  Outcome outcome;
  const CommandHandler on_command = [&](const v1::Command& command,
                                        const Peer&) -> Result<v1::Reply> {
    Check(role == Role::kOwner || (role == Role::kGroup && command.has_get_status()),
          "only who may commands");
    outcome.commands += CommandName(command);
    if (command.has_set()) return Fail(Errc::kUsage, 0, "set this");
    return v1::Reply();
  };
  BrokerSession session(SessionEnv{bus, policy, limits, on_command}, peer, v1::Welcome());
  while (!stream.empty() && !outcome.finished) {
    const std::string_view piece = stream.substr(0, grain);
    stream.remove_prefix(piece.size());
    const std::span<char> room = session.PrepareInput(piece.size());
    Check(room.size() <= 2 * (limits.message_bytes + 16 + grain), "what is held is bounded");
    std::memcpy(room.data(), piece.data(), piece.size());
    session.CommitInput(piece.size());
    BrokerSession::Input input{};
    while ((input = session.Answer(3)) == BrokerSession::Input::kMore) continue;
    outcome.finished = input == BrokerSession::Input::kFinished;
    Check((session.topics() & ~ReadableTopics(role)) == 0, "only what one may is read");
    Check(session.subscriptions() <= limits.subscriptions, "subscriptions are bounded");
  }
  outcome.subscriptions = session.subscriptions();
  outcome.said = session.output();
  return outcome;
}

/// The agent's answers can be read.
void CheckAnswers(const std::string& said) {
  DelimitedReader reader(1 << 20);
  reader.Append(said);
  std::string_view bytes;
  v1::ServerMessage message;
  DelimitedReader::Status status{};
  while ((status = reader.Next(bytes)) == DelimitedReader::Status::kMessage) {
    Check(ParseMessage(bytes, message), "an answer is a message");
    Check(!message.has_error() || !message.error().text().empty(), "an error says why");
  }
  Check(status == DelimitedReader::Status::kNeedMore && !reader.holds_bytes(), "answers are whole");
}

void RunAll(std::string_view stream, unsigned schedule) {
  const unsigned who = schedule & 3U;
  const Outcome whole = Run(stream, stream.size() + 1, who);
  CheckAnswers(whole.said);
  Check(Run(stream, 1, who) == whole, "the split makes no difference");
  Check(Run(stream, 1 + (schedule >> 2U), who) == whole, "the split makes no difference");
}

}  // namespace
}  // namespace tlscope

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  tlscope::RunAll(std::string_view(reinterpret_cast<const char*>(data), size - 1), data[size - 1]);
  return 0;
}
