// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "processor/base/result.h"
#include "processor/metrics/http_reply.h"

namespace boost::asio {
class io_context;
}  // namespace boost::asio

namespace tlscope {

/// What an HttpEndpoint has done since it was opened.
struct HttpEndpointStats {
  std::uint64_t requests = 0;         ///< answered in full, by whatever status
  std::uint64_t connections = 0;      ///< now
  std::uint64_t displaced = 0;        ///< connections ended to make room for another
  std::uint64_t timed_out = 0;        ///< connections that reached their deadline
  std::uint64_t malformed = 0;        ///< connections ended because of what they sent
  std::uint64_t accept_failures = 0;  ///< connections that the system did not hand over
};

struct HttpEndpointLimits {
  std::size_t connections = 64;  ///< at once, at least 1
  /// For each wait for a whole request, and for the peer to take a whole answer.
  std::chrono::milliseconds deadline{10'000};
};

/// Serves GET and HEAD of /metrics and /healthz over plain HTTP/1.1, without authentication.
/// Requests have no body and at most 8 KiB of header. At the limit, a new connection takes the
/// place of the one that has gone longest without finishing a request or an answer, so that idle
/// and stalled ones keep nobody out. All calls, and the handlers', on the thread that runs the
/// io_context.
class HttpEndpoint {
 public:
  using Handlers = HttpHandlers;
  using Limits = HttpEndpointLimits;

  /// Listens on `address_and_port`: "127.0.0.1:9464", "[::1]:9464", "localhost:9464"; port 0 is
  /// any free one. `context` is borrowed and must outlive the endpoint. kUsage: it is no such
  /// address; kPrivilege: the port is not for this user; kSystem: it cannot be listened on.
  static Result<std::unique_ptr<HttpEndpoint>> Open(boost::asio::io_context& context,
                                                    const std::string& address_and_port,
                                                    Handlers handlers, Limits limits = {});

  /// Ends all connections at once; no handler is called any more.
  ~HttpEndpoint();
  HttpEndpoint(const HttpEndpoint&) = delete;
  HttpEndpoint& operator=(const HttpEndpoint&) = delete;

  /// Where it listens.
  std::uint16_t port() const;

  const HttpEndpointStats& stats() const;

 private:
  class Server;
  explicit HttpEndpoint(std::shared_ptr<Server> server);

  std::shared_ptr<Server> server_;
};

}  // namespace tlscope
