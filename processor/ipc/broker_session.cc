// SPDX-License-Identifier: Apache-2.0
#include "processor/ipc/broker_session.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "processor/ipc/command.h"
#include "processor/ipc/subscribe_request.h"

namespace tlscope {
namespace {

// Tags on the wire (field number * 8 + type) of ServerMessage in proto/tlscope/v1/control.proto:
// `id`, a varint, and `event`, which has a length.
constexpr char kIdTag = 1 * 8 + 0;
constexpr char kEventTag = 6 * 8 + 2;
static_assert(v1::ServerMessage::kIdFieldNumber == 1);
static_assert(v1::ServerMessage::kEventFieldNumber == 6);

/// What AppendDelimited would of a ServerMessage with `event`, which is not parsed for it.
void AppendEvent(std::uint64_t id, std::string_view event, std::string& out) {
  AppendVarint(2 + VarintBytes(id) + VarintBytes(event.size()) + event.size(), out);
  out.push_back(kIdTag);
  AppendVarint(id, out);
  out.push_back(kEventTag);
  AppendVarint(event.size(), out);
  out.append(event);
}

}  // namespace

struct BrokerSession::Stream {
  std::uint64_t id;
  TopicSet topics;
  std::int64_t until_unix_ns;
  std::unique_ptr<Subscription> subscription;
  bool drained = false;  // at the last look
};

BrokerSession::BrokerSession(const SessionEnv& env, Peer peer, const v1::Welcome& welcome)
    : env_(env),
      peer_(std::move(peer)),
      role_(RoleOf(peer_, env.policy)),
      input_(env.limits.message_bytes) {
  v1::ServerMessage message;
  *message.mutable_welcome() = welcome;
  Send(message);
}

BrokerSession::~BrokerSession() = default;

void BrokerSession::DropSubscriptions() { streams_.clear(); }

BrokerSession::Input BrokerSession::Answer(std::size_t max) {
  for (std::size_t answered = 0; answered < max && !finished_; ++answered) {
    std::string_view bytes;
    const DelimitedReader::Status status = input_.Next(bytes);
    if (status == DelimitedReader::Status::kNeedMore)
      return input_.holds_bytes() ? Input::kPartial : Input::kIdle;
    if (status == DelimitedReader::Status::kInvalid) {
      SendOff(v1::Error::INVALID, "a message has at most " +
                                      std::to_string(env_.limits.message_bytes) +
                                      " bytes, behind their number as a varint");
    } else if (!ParseMessage(bytes, message_)) {
      SendOff(v1::Error::INVALID, "this is no tlscope.v1.ClientMessage");
    } else {
      Handle(message_);
      ++answered_;
    }
  }
  return finished_ ? Input::kFinished : Input::kMore;
}

void BrokerSession::SendOff(v1::Error::Code code, const std::string& text) {
  if (finished_) return;
  SendError(0, code, text);
  finished_ = true;
  DropSubscriptions();
}

void BrokerSession::Handle(const v1::ClientMessage& message) {
  switch (message.body_case()) {
    case v1::ClientMessage::kSubscribe:
      return Subscribe(message.id(), message.subscribe());
    case v1::ClientMessage::kUnsubscribe:
      return Unsubscribe(message.id());
    case v1::ClientMessage::kPublish:
      return Publish(message.id(), message.publish());
    case v1::ClientMessage::kRequest:
      return Request(message.id(), message.request().command());
    case v1::ClientMessage::BODY_NOT_SET:
      break;
  }
  SendError(message.id(), v1::Error::UNSUITABLE,
            "this agent knows no such message; it may be older than the client");
}

void BrokerSession::Subscribe(std::uint64_t id, const v1::Subscribe& wish) {
  const auto same = [id](const auto& stream) { return stream->id == id; };
  if (id == 0) return SendError(id, v1::Error::UNSUITABLE, "a subscription needs an id, not 0");
  if (std::any_of(streams_.begin(), streams_.end(), same)) {
    return SendError(id, v1::Error::UNSUITABLE,
                     "there is a subscription " + std::to_string(id) + "; choose another id");
  }
  if (streams_.size() >= env_.limits.subscriptions) {
    return SendError(id, v1::Error::LIMIT,
                     "a client has at most " + std::to_string(env_.limits.subscriptions) +
                         " subscriptions; end one, or connect again");
  }
  auto options = ReadSubscribe(wish, role_, env_.policy, env_.limits);
  if (!options) return SendError(id, std::move(options.error()));
  auto stream = std::make_unique<Stream>();
  stream->id = id;
  stream->topics = options->topics;
  stream->until_unix_ns = options->filter.until_unix_ns;
  stream->subscription = env_.bus.Subscribe(std::move(*options));
  streams_.push_back(std::move(stream));
  SendAck(id);
}

void BrokerSession::Unsubscribe(std::uint64_t id) {
  const auto same = [id](const auto& stream) { return stream->id == id; };
  if (std::erase_if(streams_, same) != 0) return SendAck(id);
  SendError(id, v1::Error::UNSUITABLE, "there is no subscription " + std::to_string(id));
}

void BrokerSession::Publish(std::uint64_t id, const v1::Publish& publish) {
  const std::string_view topic = TopicOfCommand(publish.command());
  if (topic.empty() || publish.topic() != topic) {
    const std::string text = topic.empty()
                                 ? "this command cannot be published; send it as a request"
                                 : "this command is for the topic '" + std::string(topic) + "'";
    return SendError(id, v1::Error::UNSUITABLE, text);
  }
  v1::Reply reply;
  CarryOut(id, publish.command(), reply);
}

void BrokerSession::Request(std::uint64_t id, const v1::Command& command) {
  v1::ServerMessage message;
  message.set_id(id);
  if (CarryOut(id, command, *message.mutable_reply())) Send(message);
}

/// False when there was an error instead, which has been sent.
bool BrokerSession::CarryOut(std::uint64_t id, const v1::Command& command, v1::Reply& reply) {
  if (command.command_case() == v1::Command::COMMAND_NOT_SET) {
    SendError(id, v1::Error::UNSUITABLE,
              "this agent knows no such command; it may be older than the client");
    return false;
  }
  if (!MayCommand(id, command)) return false;
  Result<v1::Reply> result = env_.on_command(command, peer_);
  TellOfCommand(command, result ? std::string() : result.error().Describe());
  if (result) {
    reply = std::move(*result);
    return true;
  }
  const Errc code = result.error().code;
  SendError(id,
            code == Errc::kUsage       ? v1::Error::UNSUITABLE
            : code == Errc::kPrivilege ? v1::Error::FORBIDDEN
                                       : v1::Error::FAILED,
            result.error().Describe());
  return false;
}

bool BrokerSession::MayCommand(std::uint64_t id, const v1::Command& command) {
  const Role needed = RoleThatCommands(command);
  if (role_ >= needed) return true;
  std::string text = "the command '" + std::string(CommandName(command)) + "' may be given by " +
                     WhoHas(needed, env_.policy) + " only; run it as root";
  // Once a client: others read these, and who is refused could drown what they want to read.
  if (!std::exchange(refusal_told_, true)) TellOfCommand(command, text);
  SendError(id, v1::Error::FORBIDDEN, std::move(text));
  return false;
}

void BrokerSession::TellOfCommand(const v1::Command& command, const std::string& error) {
  if (command.has_get_status() && error.empty()) return;  // changes nothing, and comes often
  env_.bus.Publish(Topic::kAgentTask, CommandEvent{CommandName(command), peer_.uid,
                                                   static_cast<std::uint32_t>(peer_.pid), error});
}

bool BrokerSession::TakeEvents(std::size_t bytes, std::int64_t now_unix_ns) {
  if (streams_.empty()) return false;
  bool any = false;
  const std::size_t end = output_.size() + bytes;
  // Whoever is first may take all of the room.
  first_ = (first_ + 1) % streams_.size();
  for (std::size_t i = 0; i < streams_.size() && output_.size() < end; ++i) {
    any |= Drain(*streams_[(first_ + i) % streams_.size()], end);
  }
  const auto over = [&](const auto& stream) {
    if (stream->until_unix_ns == 0 || stream->until_unix_ns >= now_unix_ns || !stream->drained)
      return false;
    v1::ServerMessage message;
    message.set_id(stream->id);
    message.mutable_ended();
    Send(message);
    return true;
  };
  return std::erase_if(streams_, over) != 0 || any;
}

/// Takes events of one subscription until the output has `end` bytes. False when there were none.
bool BrokerSession::Drain(Stream& stream, std::size_t end) {
  const std::function<void(const BusRecord&)> take = [&](const BusRecord& record) {
    AppendEvent(stream.id, record.bytes, output_);
  };
  const std::size_t before = output_.size();
  do {
    const std::size_t position = output_.size();
    // One at a time: the next may be as large as all of the room, and what is lost is told in
    // place.
    stream.drained = stream.subscription->Poll(1, take) == 0;
    AppendLost(stream, position);
  } while (!stream.drained && output_.size() < end);
  return output_.size() != before;
}

void BrokerSession::AppendLost(Stream& stream, std::size_t position) {
  const std::uint64_t lost = stream.subscription->TakeLost();
  if (lost == 0) return;
  lost_events_ += lost;
  v1::ServerMessage message;
  message.set_id(stream.id);
  message.mutable_lost()->set_events(lost);
  std::string bytes;
  AppendDelimited(message, bytes);
  output_.insert(position, bytes);
}

TopicSet BrokerSession::topics() const {
  TopicSet topics = 0;
  for (const auto& stream : streams_) topics |= stream->topics;
  return topics;
}

std::int64_t BrokerSession::first_end_unix_ns() const {
  std::int64_t first = 0;
  for (const auto& stream : streams_) {
    const std::int64_t end = stream->until_unix_ns;
    if (end != 0 && (first == 0 || end < first)) first = end;
  }
  return first;
}

void BrokerSession::Send(const v1::ServerMessage& message) { AppendDelimited(message, output_); }

void BrokerSession::SendAck(std::uint64_t id) {
  v1::ServerMessage message;
  message.set_id(id);
  message.mutable_ack();
  Send(message);
}

void BrokerSession::SendError(std::uint64_t id, v1::Error error) {
  v1::ServerMessage message;
  message.set_id(id);
  *message.mutable_error() = std::move(error);
  Send(message);
}

void BrokerSession::SendError(std::uint64_t id, v1::Error::Code code, std::string text) {
  v1::Error error;
  error.set_code(code);
  error.set_text(std::move(text));
  SendError(id, std::move(error));
}

}  // namespace tlscope
