// SPDX-License-Identifier: Apache-2.0
#include "processor/net/byte_stream.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <utility>

namespace tlscope {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

class PlainStream final : public ByteStream {
 public:
  explicit PlainStream(Socket socket) : socket_(std::move(socket)) {}

  void AsyncHandshake(DoneHandler handler) override {
    asio::post(socket_.get_executor(), [handler = std::move(handler)] { handler({}); });
  }

  void AsyncRead(asio::mutable_buffer room, Handler handler) override {
    socket_.async_read_some(room, std::move(handler));
  }

  void AsyncWrite(const std::vector<asio::const_buffer>& parts, Handler handler) override {
    socket_.async_write_some(parts, std::move(handler));
  }

  void AsyncShutdown(DoneHandler handler) override {
    error_code error;
    socket_.shutdown(Socket::shutdown_send, error);
    asio::post(socket_.get_executor(), [handler = std::move(handler), error] { handler(error); });
  }

  void EndWriting() override {
    error_code ignored;
    socket_.shutdown(Socket::shutdown_send, ignored);
  }

  void Close() override {
    error_code ignored;
    socket_.close(ignored);
  }

  bool PeerMayStillRefuse() const override { return false; }

  Error Explain(const std::string& what, const error_code& error) const override {
    return ExplainSocketError(what, error);
  }

 private:
  Socket socket_;
};

std::string RemedyFor(int error_number) {
  switch (error_number) {
    case ECONNREFUSED:
    case ENOENT:
      return "see that a collector listens there ('tlscope collect' is one)";
    case ENOBUFS:  // Asio's for a Unix domain socket at which too many wait: Linux says EAGAIN
      return "see that the collector there is not stopped, and accepts connections";
    case EACCES:
    case EPERM:
      return "run as a user who may write to that socket";
    case ETIMEDOUT:
    case EHOSTUNREACH:
    case ENETUNREACH:
      return "see that the host is up and that no firewall is in between";
    default:
      return {};
  }
}

}  // namespace

std::shared_ptr<ByteStream> MakePlainStream(ByteStream::Socket socket) {
  return std::make_shared<PlainStream>(std::move(socket));
}

Error ExplainSocketError(const std::string& what, const error_code& error) {
  if (error == asio::error::eof)
    return {Errc::kSystem, 0, what + ": the peer has closed the connection", {}};
  if (error.category() != boost::system::system_category())
    return {Errc::kSystem, 0, what + ": " + error.message(), {}};
  return {Errc::kSystem, error.value(), what, RemedyFor(error.value())};
}

}  // namespace tlscope
