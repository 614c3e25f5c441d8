// SPDX-License-Identifier: Apache-2.0
#include "processor/net/host_lookup.h"

#include <netdb.h>
#include <sys/socket.h>

#include <boost/asio/post.hpp>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include "processor/base/thread_signals.h"

namespace tlscope {
namespace {

namespace asio = boost::asio;

Error LookupError(const std::string& host, int result, int error_number) {
  const std::string what = "look up the host '" + host + "'";
  if (result == EAI_SYSTEM) return {Errc::kSystem, error_number, what, {}};
  return {Errc::kSystem, 0, what + ": " + gai_strerror(result),
          "see that the name is right and that a name server answers, or give an address"};
}

Result<HostLookup::Endpoints> LookUp(const std::string& host, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int result = getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (result != 0) return tl::make_unexpected(LookupError(host, result, errno));
  HostLookup::Endpoints endpoints;
  for (const addrinfo* info = found; info != nullptr; info = info->ai_next) {
    if (info->ai_family != AF_INET && info->ai_family != AF_INET6) continue;
    asio::ip::tcp::endpoint endpoint;
    if (info->ai_addrlen > endpoint.capacity()) continue;
    std::memcpy(endpoint.data(), info->ai_addr, info->ai_addrlen);
    endpoint.resize(info->ai_addrlen);
    endpoints.push_back(endpoint);
  }
  freeaddrinfo(found);
  if (endpoints.empty()) return tl::make_unexpected(LookupError(host, EAI_NONAME, 0));
  return endpoints;
}

}  // namespace

struct HostLookup::Shared {
  std::mutex mutex;
  asio::io_context* context;  // null: nobody waits any longer
  Handler handler;
};

HostLookup::HostLookup(asio::io_context& context, const std::string& host, std::uint16_t port,
                       Handler handler)
    : shared_(std::make_shared<Shared>()) {
  shared_->context = &context;
  shared_->handler = std::move(handler);
  const auto tell = [](const std::shared_ptr<Shared>& shared, Result<Endpoints> endpoints) {
    const std::lock_guard lock(shared->mutex);
    if (shared->context == nullptr) return;
    asio::post(*shared->context, [shared, endpoints = std::move(endpoints)]() mutable {
      // On the owner's thread: nobody destroys the owner in between.
      if (shared->context != nullptr) shared->handler(std::move(endpoints));
    });
  };
  try {
    std::thread([shared = shared_, host, port, tell] {
      BlockSignalsOnThisThread();
      tell(shared, LookUp(host, port));
    }).detach();
  } catch (const std::system_error& error) {
    tell(shared_,
         Fail(Errc::kSystem, error.code().value(), "start the thread that looks up names"));
  }
}

HostLookup::~HostLookup() {
  const std::lock_guard lock(shared_->mutex);
  shared_->context = nullptr;
}

}  // namespace tlscope
