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

/// A connected byte stream of an io_context, plain or encrypted, of either end. One read and one
/// write at a time. It has to outlive the handlers of what was begun.
class ByteStream {
 public:
  using Socket = boost::asio::generic::stream_protocol::socket;
  using ErrorCode = boost::system::error_code;
  using Handler = std::function<void(const ErrorCode& error, std::size_t bytes)>;
  using DoneHandler = std::function<void(const ErrorCode& error)>;

  /// Of one write, all that Asio gives to the system at once.
  static constexpr std::size_t kMaxParts = 64;

  virtual ~ByteStream() = default;

  /// Once, before anything else; does nothing where there is no encryption.
  virtual void AsyncHandshake(DoneHandler handler) = 0;
  /// Reads something, or writes some of it.
  virtual void AsyncRead(boost::asio::mutable_buffer room, Handler handler) = 0;
  virtual void AsyncWrite(const std::vector<boost::asio::const_buffer>& parts, Handler handler) = 0;
  /// Tells the peer that nothing more comes; with TLS the handler is called when the peer has said
  /// so, too. While nothing is written.
  virtual void AsyncShutdown(DoneHandler handler) = 0;
  /// Ends this end's half of the connection at once, under TLS and without a word of it: what the
  /// peer sends may still be read. While nothing is written.
  virtual void EndWriting() = 0;
  /// Ends everything that was begun; the handlers get an error.
  virtual void Close() = 0;

  /// Whether it takes what is written before the peer has made up its mind about this end: with
  /// TLS 1.3 a client is done with the handshake before the server has seen its certificate.
  virtual bool PeerMayStillRefuse() const = 0;

  /// Why `what`, as in Error, did not work.
  virtual Error Explain(const std::string& what, const ErrorCode& error) const = 0;
};

/// Takes the socket, which is connected.
std::shared_ptr<ByteStream> MakePlainStream(ByteStream::Socket socket);

/// Why `what`, as in Error, did not work on a socket.
Error ExplainSocketError(const std::string& what, const boost::system::error_code& error);

}  // namespace tlscope
