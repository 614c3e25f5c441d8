// SPDX-License-Identifier: Apache-2.0
#include "processor/net/byte_stream.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <type_traits>
#include <utility>

namespace tlscope {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

/// `Stream`: a socket, or TLS over one.
template <class Stream>
class StreamOver final : public ByteStream {
 public:
  template <class... Arguments>
  explicit StreamOver(Arguments&&... arguments) : stream_(std::forward<Arguments>(arguments)...) {}

  void Begin(Handler handler) override {
    if constexpr (!std::is_same_v<Stream, Socket>) {
      stream_.async_handshake(
          asio::ssl::stream_base::server,
          [handler = std::move(handler)](const error_code& error) { handler(error, 0); });
    } else {
      asio::post(stream_.get_executor(),
                 [handler = std::move(handler)] { handler(error_code(), 0); });
    }
  }
  void Read(std::span<char> room, Handler handler) override {
    stream_.async_read_some(asio::buffer(room.data(), room.size()), std::move(handler));
  }
  void Write(std::string_view bytes, Handler handler) override {
    stream_.async_write_some(asio::buffer(bytes.data(), bytes.size()), std::move(handler));
  }
  void EndWriting() override {
    error_code ignored;
    stream_.lowest_layer().shutdown(Socket::shutdown_send, ignored);
  }
  void Close() override {
    error_code ignored;
    stream_.lowest_layer().close(ignored);
  }

 private:
  Stream stream_;
};

}  // namespace

std::unique_ptr<ByteStream> MakePlainStream(ByteStream::Socket socket) {
  return std::make_unique<StreamOver<ByteStream::Socket>>(std::move(socket));
}

std::unique_ptr<ByteStream> MakeTlsStream(ByteStream::Socket socket, asio::ssl::context& context) {
  return std::make_unique<StreamOver<asio::ssl::stream<ByteStream::Socket>>>(std::move(socket),
                                                                             context);
}

}  // namespace tlscope
