// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ssl/context.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string_view>

namespace tlscope {

/// A connection, whatever is under it: one read and one write at a time may be under way. On the
/// thread that runs the io_context.
class ByteStream {
 public:
  using Socket = boost::asio::generic::stream_protocol::socket;
  using Handler = std::function<void(const boost::system::error_code&, std::size_t)>;

  virtual ~ByteStream() = default;

  /// Before anything else; the handler's size is 0.
  virtual void Begin(Handler handler) = 0;
  virtual void Read(std::span<char> room, Handler handler) = 0;
  virtual void Write(std::string_view bytes, Handler handler) = 0;
  /// Nothing more is written.
  virtual void EndWriting() = 0;
  virtual void Close() = 0;
};

std::unique_ptr<ByteStream> MakePlainStream(ByteStream::Socket socket);

/// The server's side of TLS. `context` is borrowed and outlives it.
std::unique_ptr<ByteStream> MakeTlsStream(ByteStream::Socket socket,
                                          boost::asio::ssl::context& context);

}  // namespace tlscope
