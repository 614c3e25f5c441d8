// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "processor/base/result.h"

namespace tlscope {

/// Looks up the addresses of a host on a thread of its own. Asio's resolver would, too, but who
/// destroys its io_context waits for that thread, and so for a name server that does not answer.
class HostLookup {
 public:
  using Endpoints = std::vector<boost::asio::ip::tcp::endpoint>;
  /// In the order in which they are to be tried; not empty.
  using Handler = std::function<void(Result<Endpoints> endpoints)>;

  /// The handler is called once, from `context`.
  HostLookup(boost::asio::io_context& context, const std::string& host, std::uint16_t port,
             Handler handler);
  /// From then on neither the handler nor the context is touched.
  ~HostLookup();
  HostLookup(const HostLookup&) = delete;
  HostLookup& operator=(const HostLookup&) = delete;

 private:
  struct Shared;
  const std::shared_ptr<Shared> shared_;
};

}  // namespace tlscope
