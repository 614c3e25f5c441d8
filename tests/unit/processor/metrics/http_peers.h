// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <cstdint>
#include <future>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "processor/metrics/http_endpoint.h"

namespace tlscope {

inline const HttpHandlers kHandlers = {.metrics = [] { return "metric 1\n"; }};

/// Of a test that is not about the deadline, however slow the machine.
inline constexpr std::chrono::minutes kPatience{10};

/// An endpoint on a port of its own, and the thread that runs it.
class Served {
 public:
  explicit Served(HttpHandlers handlers = kHandlers,
                  HttpEndpointLimits limits = {.deadline = kPatience}) {
    auto endpoint = HttpEndpoint::Open(context_, "127.0.0.1:0", std::move(handlers), limits);
    EXPECT_TRUE(endpoint) << endpoint.error().Describe();
    endpoint_ = std::move(*endpoint);
    port_ = endpoint_->port();
    thread_ = std::jthread([this] { context_.run(); });
  }
  ~Served() { Close(); }
  Served(const Served&) = delete;
  Served& operator=(const Served&) = delete;

  /// Returns once the endpoint has let go of everything: the io_context has nothing to wait for.
  void Close() {
    if (!thread_.joinable()) return;
    boost::asio::post(context_, [this] { endpoint_.reset(); });
    thread_.join();
  }

  std::uint16_t port() const { return port_; }

  HttpEndpointStats stats() {
    std::promise<HttpEndpointStats> stats;
    boost::asio::post(context_, [&] { stats.set_value(endpoint_->stats()); });
    return stats.get_future().get();
  }

 private:
  boost::asio::io_context context_;
  std::unique_ptr<HttpEndpoint> endpoint_;
  std::uint16_t port_ = 0;
  std::jthread thread_;
};

struct Response {
  std::string start_line;
  std::map<std::string, std::string> headers;
  std::string body;
};

/// A plain TCP connection to an endpoint.
class Client {
 public:
  explicit Client(std::uint16_t port, int receive_buffer_bytes = 0) {
    EXPECT_GE(fd_, 0);
    if (receive_buffer_bytes > 0) {
      EXPECT_EQ(setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer_bytes,
                           sizeof receive_buffer_bytes),
                0);
    }
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  }
  ~Client() { close(fd_); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  /// What the server no longer takes is not sent.
  void Send(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t sent = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
  }

  /// Reads to the end of the connection, however it comes.
  std::string ReadToEnd() {
    while (ReadMore()) {
    }
    return std::exchange(received_, {});
  }

  /// Reads one response; that to a HEAD has no body.
  Response Read(bool to_head = false) {
    Response response;
    const std::string head = Take([this] {
      const std::size_t end = received_.find("\r\n\r\n");
      return end == std::string::npos ? end : end + 4;
    });
    std::size_t line = head.find("\r\n");
    response.start_line = head.substr(0, line);
    while (line != std::string::npos && line + 4 < head.size()) {
      const std::size_t start = line + 2;
      line = head.find("\r\n", start);
      const std::size_t colon = head.find(": ", start);
      response.headers[head.substr(start, colon - start)] =
          head.substr(colon + 2, line - colon - 2);
    }
    if (to_head) return response;
    const std::size_t length = std::stoul("0" + response.headers["Content-Length"]);
    response.body = Take([&] { return received_.size() < length ? std::string::npos : length; });
    return response;
  }

  Response Ask(std::string_view request) {
    Send(request);
    return Read(request.starts_with("HEAD"));
  }

 private:
  bool ReadMore() {
    std::array<char, 65536> buffer;
    const ssize_t got = recv(fd_, buffer.data(), buffer.size(), 0);
    if (got <= 0) return false;
    received_.append(buffer.data(), static_cast<std::size_t>(got));
    return true;
  }

  /// Takes as many bytes as `length` says, once it says it.
  template <class Length>
  std::string Take(Length length) {
    std::size_t bytes = length();
    while (bytes == std::string::npos) {
      if (!ReadMore()) return {};
      bytes = length();
    }
    std::string taken = received_.substr(0, bytes);
    received_.erase(0, bytes);
    return taken;
  }

  int fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  std::string received_;
};

inline std::string Request(const std::string& method, const std::string& target,
                           const std::string& headers = {}) {
  return method + ' ' + target + " HTTP/1.1\r\nHost: x\r\n" + headers + "\r\n";
}

inline const std::string kGet = Request("GET", "/metrics");

inline void ExpectServed(const Served& served) {
  Client client(served.port());
  const Response response = client.Ask(kGet);
  EXPECT_EQ(response.start_line, "HTTP/1.1 200 OK");
  EXPECT_EQ(response.body, "metric 1\n");
}

}  // namespace tlscope
