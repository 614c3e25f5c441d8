// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/ssl/stream.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "processor/net/byte_stream.h"

namespace tlscope {

/// Which end of TLS this one is.
enum class TlsRole : std::uint8_t { kClient, kServer };

/// TLS over a socket.
class TlsStream final : public ByteStream {
 public:
  /// Takes the socket, which is connected. `context` is borrowed and outlives the stream.
  TlsStream(Socket socket, boost::asio::ssl::context& context, TlsRole role);

  /// To be set up before the handshake.
  SSL* native() { return stream_.native_handle(); }

  void AsyncHandshake(DoneHandler handler) override;
  void AsyncRead(boost::asio::mutable_buffer room, Handler handler) override;
  void AsyncWrite(const std::vector<boost::asio::const_buffer>& parts, Handler handler) override;
  void AsyncShutdown(DoneHandler handler) override;
  void EndWriting() override;
  void Close() override;
  bool PeerMayStillRefuse() const override;
  Error Explain(const std::string& what, const ErrorCode& error) const override;

 private:
  SSL* ssl() const;

  boost::asio::ssl::stream<Socket> stream_;
  const TlsRole role_;
};

}  // namespace tlscope
