// SPDX-License-Identifier: Apache-2.0
#include "processor/ipc/client.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "processor/ipc/command.h"

namespace tlscope {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kClientReadBytes = std::size_t{256} << 10;

// Requests are numbered from here on, subscriptions below.
constexpr std::uint64_t kFirstRequest = std::uint64_t{1} << 32;

tl::unexpected<Error> Unreachable(const Instance& instance, const std::string& path, int error) {
  const std::string what = "reach the agent '" + instance.name + "' at " + path;
  if (error == EACCES || error == EPERM) {
    return Fail(Errc::kPrivilege, error, what,
                "run as root, or join the group that the agent was given with --ipc-group");
  }
  if (error == ENOENT || error == ECONNREFUSED || error == ENOTDIR) {
    return Fail(Errc::kNotFound, error, what,
                "start one with 'tlscope capture', or name another with --instance");
  }
  return Fail(Errc::kSystem, error, what);
}

int PollTimeout(std::optional<Clock::time_point> deadline) {
  if (!deadline) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(*deadline - Clock::now());
  return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 3'600'000));
}

}  // namespace

Error ErrorOf(const v1::Error& error, const std::string& what) {
  Errc code = Errc::kSystem;
  if (error.code() == v1::Error::FORBIDDEN) code = Errc::kPrivilege;
  if (error.code() == v1::Error::UNSUITABLE) code = Errc::kUsage;
  return {code, 0, what + ": " + error.text(), {}};
}

Result<IpcClient> IpcClient::Connect(const Options& options) {
  TLSCOPE_TRY(std::string path, SocketPath(options.instance));
  UniqueFd made(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!made) return Fail(Errc::kSystem, errno, "make a Unix domain socket");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  // Blocks only while the agent has more clients waiting than its backlog holds.
  if (connect(made.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return Unreachable(options.instance, path, errno);
  const int flags = fcntl(made.get(), F_GETFL);
  if (flags < 0 || fcntl(made.get(), F_SETFL, flags | O_NONBLOCK) != 0)
    return Fail(Errc::kSystem, errno, "set up the connection to " + path);

  IpcClient client(options, std::move(path), std::move(made));
  const std::string what = "talk to the agent '" + options.instance.name + "'";
  TLSCOPE_TRY(const v1::ServerMessage* first, client.Await(0, what));
  if (!first->has_welcome() || first->welcome().protocol() != 1) {
    return Fail(Errc::kSystem, 0, what + ": it speaks another protocol",
                "use the tlscope that the agent was started from");
  }
  client.welcome_ = first->welcome();
  return client;
}

Result<v1::Reply> IpcClient::Request(const v1::Command& command) {
  v1::ClientMessage message;
  message.set_id(kFirstRequest + ++last_id_);
  *message.mutable_request()->mutable_command() = command;
  const std::string what = "carry out '" + std::string(CommandName(command)) + "' on the agent '" +
                           options_.instance.name + "'";
  TLSCOPE_TRY(Send(message));
  TLSCOPE_TRY(const v1::ServerMessage* answer, Await(message.id(), what));
  return answer->reply();
}

Result<void> IpcClient::Subscribe(std::uint64_t id, const v1::Subscribe& wish) {
  v1::ClientMessage message;
  message.set_id(id);
  *message.mutable_subscribe() = wish;
  TLSCOPE_TRY(Send(message));
  TLSCOPE_TRY(Await(id, "subscribe"));
  return {};
}

/// The answer to a message; whatever comes before it is dropped.
Result<const v1::ServerMessage*> IpcClient::Await(std::uint64_t id, const std::string& what) {
  const Clock::time_point deadline = Clock::now() + options_.deadline;
  for (;;) {
    const auto left = std::chrono::ceil<Milliseconds>(deadline - Clock::now());
    TLSCOPE_TRY(const v1::ServerMessage* message, Next(std::max(left, Milliseconds{0})));
    if (message == nullptr) {
      return Fail(
          Errc::kSystem, ETIMEDOUT, what,
          "the agent does not answer: look at its process, " + std::to_string(welcome_.pid()));
    }
    // What concerns the whole connection has no id.
    if (message->has_error() && (message->id() == id || message->id() == 0))
      return tl::make_unexpected(ErrorOf(message->error(), what));
    if (message->id() == id) return message;
  }
}

Result<const v1::ServerMessage*> IpcClient::Next(std::optional<Milliseconds> timeout) {
  Deadline deadline;
  if (timeout) deadline = Clock::now() + *timeout;
  for (;;) {
    std::string_view bytes;
    const DelimitedReader::Status status = input_.Next(bytes);
    if (status == DelimitedReader::Status::kMessage && ParseMessage(bytes, message_))
      return &message_;
    if (status != DelimitedReader::Status::kNeedMore) {
      return Fail(Errc::kSystem, 0, "understand what " + path_ + " sends",
                  "use the tlscope that the agent was started from");
    }
    TLSCOPE_TRY(const bool read, ReadMore(deadline));
    if (!read) return nullptr;
  }
}

/// False when nothing came in time.
Result<bool> IpcClient::ReadMore(Deadline deadline) {
  for (;;) {
    const std::span<char> room = input_.Prepare(kClientReadBytes);
    const ssize_t bytes = recv(socket_.get(), room.data(), room.size(), 0);
    if (bytes > 0) {
      input_.Commit(static_cast<std::size_t>(bytes));
      return true;
    }
    if (bytes == 0) return Gone(0);
    if (errno != EAGAIN && errno != EINTR) return Gone(errno);
    if (errno == EAGAIN && !AwaitReady(POLLIN, deadline)) return false;
  }
}

Result<void> IpcClient::Send(const v1::ClientMessage& message) {
  std::string bytes;
  AppendDelimited(message, bytes);
  const std::size_t limit = welcome_.max_message_bytes();
  if (bytes.size() > limit) {
    return Fail(Errc::kUsage, 0,
                "ask for this: it takes " + std::to_string(bytes.size()) +
                    " bytes, and the agent reads at most " + std::to_string(limit),
                "ask for less at once");
  }
  const Clock::time_point deadline = Clock::now() + options_.deadline;
  for (std::size_t sent = 0; sent < bytes.size();) {
    const ssize_t n = send(socket_.get(), bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (n >= 0) {
      sent += static_cast<std::size_t>(n);
    } else if (errno == EAGAIN) {
      if (!AwaitReady(POLLOUT, deadline))
        return Fail(Errc::kSystem, ETIMEDOUT, "write to the agent at " + path_);
    } else if (errno != EINTR) {
      return Gone(errno);
    }
  }
  return {};
}

/// False at the deadline, or when interrupted.
bool IpcClient::AwaitReady(short events, Deadline deadline) const {
  std::array<pollfd, 2> fds{{{socket_.get(), events, 0}, {interrupt_fd_, POLLIN, 0}}};
  for (;;) {
    const int ready = poll(fds.data(), fds.size(), PollTimeout(deadline));
    if (ready < 0 && errno == EINTR) continue;
    if (ready > 0) return fds[1].revents == 0;
    if (ready < 0 || (deadline && Clock::now() >= *deadline)) return false;
  }
}

tl::unexpected<Error> IpcClient::Gone(int error_number) const {
  return Fail(Errc::kNotFound, error_number,
              "hear more of the agent '" + options_.instance.name + "': it closed " + path_,
              "see what it said last");
}

}  // namespace tlscope
