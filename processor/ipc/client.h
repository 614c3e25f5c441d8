// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "processor/base/result.h"
#include "processor/base/unique_fd.h"
#include "processor/ipc/agent_socket.h"
#include "processor/wire/delimited.h"
#include "tlscope/v1/control.pb.h"

namespace tlscope {

/// The failure that an agent's Error stands for.
Error ErrorOf(const v1::Error& error, const std::string& what);

/// The other end of the broker: a blocking client without threads. Not thread-safe.
class IpcClient {
 public:
  using Milliseconds = std::chrono::milliseconds;

  /// What the agent sends is an event at most, which is smaller than the bus's buffer.
  static constexpr std::size_t kMaxMessageBytes = std::size_t{64} << 20;

  struct Options {
    Instance instance = {};
    /// How long the agent may take to answer, here and below.
    Milliseconds deadline{5'000};
  };

  /// Connects and hears the agent's Welcome. Fails with kNotFound when no agent is there, with
  /// kPrivilege when the caller may not connect.
  static Result<IpcClient> Connect(const Options& options);

  const v1::Welcome& welcome() const { return welcome_; }

  /// When `fd` (borrowed) becomes readable, Next waits no longer.
  void InterruptBy(int fd) { interrupt_fd_ = fd; }

  /// Has the command carried out. Not while there is a subscription.
  Result<v1::Reply> Request(const v1::Command& command);

  /// Begins the subscription `id`, which is not 0; its events come by Next.
  Result<void> Subscribe(std::uint64_t id, const v1::Subscribe& wish);

  /// The next message, borrowed until the next call; null when none came within `timeout` (unset:
  /// waits for as long as it takes), or waiting was interrupted. kNotFound: the agent is gone.
  Result<const v1::ServerMessage*> Next(std::optional<Milliseconds> timeout);

 private:
  using Deadline = std::optional<std::chrono::steady_clock::time_point>;

  IpcClient(const Options& options, std::string path, UniqueFd socket)
      : options_(options),
        path_(std::move(path)),
        socket_(std::move(socket)),
        input_(kMaxMessageBytes) {}

  Result<void> Send(const v1::ClientMessage& message);
  Result<const v1::ServerMessage*> Await(std::uint64_t id, const std::string& what);
  Result<bool> ReadMore(Deadline deadline);
  bool AwaitReady(short events, Deadline deadline) const;
  tl::unexpected<Error> Gone(int error_number) const;

  Options options_;
  std::string path_;
  UniqueFd socket_;
  int interrupt_fd_ = -1;
  DelimitedReader input_;
  v1::ServerMessage message_;  // keeps its memory
  v1::Welcome welcome_;
  std::uint64_t last_id_ = 0;
};

}  // namespace tlscope
