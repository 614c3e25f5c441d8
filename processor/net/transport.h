// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/buffer.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/system/error_code.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "processor/base/result.h"

namespace tlscope {

/// A connected byte stream of an io_context, plain or encrypted. One read and one write at a time.
/// It has to outlive the handlers of what was begun.
class Transport {
 public:
  using Socket = boost::asio::generic::stream_protocol::socket;
  using ErrorCode = boost::system::error_code;
  using Handler = std::function<void(const ErrorCode& error, std::size_t bytes)>;
  using DoneHandler = std::function<void(const ErrorCode& error)>;

  /// Of one write, all that Asio gives to the system at once.
  static constexpr std::size_t kMaxParts = 64;

  virtual ~Transport() = default;

  /// First of all, when it needs any.
  virtual void AsyncHandshake(DoneHandler handler) = 0;
  /// Reads something, or writes some of it.
  virtual void AsyncRead(boost::asio::mutable_buffer room, Handler handler) = 0;
  virtual void AsyncWrite(const std::vector<boost::asio::const_buffer>& parts, Handler handler) = 0;
  /// Tells the peer that nothing more comes. While nothing is written.
  virtual void AsyncShutdown(DoneHandler handler) = 0;
  /// Ends everything that was begun; the handlers get an error.
  virtual void Close() = 0;

  /// Whether it takes what is written before the peer has made up its mind about this client: with
  /// TLS 1.3 a client is done with the handshake before the server has seen its certificate.
  virtual bool PeerMayStillRefuse() const = 0;

  /// Why `what`, as in Error, did not work.
  virtual Error Explain(const std::string& what, const ErrorCode& error) const = 0;
};

/// Takes the socket, which is connected.
std::shared_ptr<Transport> MakePlainTransport(Transport::Socket socket);

/// Why `what`, as in Error, did not work on a socket.
Error ExplainSocketError(const std::string& what, const boost::system::error_code& error);

}  // namespace tlscope
