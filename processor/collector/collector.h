// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "processor/base/result.h"
#include "processor/collector/collector_limits.h"
#include "processor/collector/entry_store.h"
#include "processor/net/server/listen_socket.h"
#include "processor/net/server/tls_files.h"

namespace boost::asio {
class io_context;
}

namespace tlscope {

struct CollectorOptions {
  std::vector<ListenTarget> listen = {};
  TlsFiles tls = {};
  CollectorLimits limits = {};
  std::string version = {};  ///< of the program, for agents
  /// Told, for people and without anything that was captured, what is worth knowing: of each peer
  /// each cause of refusal once.
  std::function<void(const std::string&)> on_notice = {};
};

struct CollectorStats {
  std::uint64_t accepted = 0;
  std::uint64_t clients = 0;  ///< now
  std::array<std::uint64_t, kRefusalCauses> refused = {};
};

/// Receives streams of LogEntry from many agents and stores them: one thread, on which it works and
/// is called, the one that runs the io_context. It does not read while it cannot store.
class Collector {
 public:
  /// Listens. `io` and `store` outlive the collector. `on_closed` is called once the last
  /// output is closed for good. Fails when an address cannot be had, or a file of TLS be used.
  static Result<std::unique_ptr<Collector>> Open(boost::asio::io_context& io, EntryStore& store,
                                                 CollectorOptions options,
                                                 std::function<void()> on_closed);
  /// What was not stored is not acknowledged.
  ~Collector();
  Collector(const Collector&) = delete;
  Collector& operator=(const Collector&) = delete;

  /// Takes no more, stores and acknowledges what it has, for as long as `patience`; then calls
  /// `closed`. Once.
  void Close(std::chrono::milliseconds patience, std::function<void()> closed);

  CollectorStats stats() const;
  /// Where it listens, with ports.
  std::vector<std::string> urls() const;

 private:
  class Impl;

  explicit Collector(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

  std::shared_ptr<Impl> impl_;  // shared with handlers that the io_context has yet to call
};

}  // namespace tlscope
