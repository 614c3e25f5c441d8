// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "processor/base/result.h"
#include "processor/net/byte_stream.h"
#include "processor/net/host_lookup.h"
#include "processor/net/stream_address.h"

namespace tlscope {

class TlsClient;

/// One try to get a connection: looks the host up, connects to its addresses one after the other,
/// shakes hands. On one io_context's thread.
class Connector : public std::enable_shared_from_this<Connector> {
 public:
  using Milliseconds = std::chrono::milliseconds;
  using Handler = std::function<void(Result<std::shared_ptr<ByteStream>> stream)>;

  /// `tls` is null for plain addresses; it outlives the stream. `timeout`: to look up and
  /// connect, each address having its share of it; and once more to shake hands.
  Connector(boost::asio::io_context& context, const StreamAddress& address, TlsClient* tls,
            Milliseconds timeout);

  /// Once. The handler is called once, unless it is cancelled before.
  void Start(Handler handler);
  void Cancel();

 private:
  using Endpoint = boost::asio::generic::stream_protocol::endpoint;
  using ErrorCode = boost::system::error_code;

  void OnAddresses(Result<HostLookup::Endpoints> endpoints);
  void TryNext();
  void OnConnected(const ErrorCode& error);
  void OnShaken(const ErrorCode& error);
  void StartTimer(std::chrono::nanoseconds patience);
  void End(Result<std::shared_ptr<ByteStream>> result);

  boost::asio::io_context& context_;
  const StreamAddress address_;
  TlsClient* const tls_;
  const Milliseconds timeout_;
  std::chrono::steady_clock::time_point deadline_;
  boost::asio::steady_timer timer_;
  std::optional<HostLookup> lookup_;
  ByteStream::Socket socket_;
  std::shared_ptr<ByteStream> stream_;  // shaking hands
  std::vector<Endpoint> endpoints_;
  std::size_t next_ = 0;  // of endpoints_
  bool timed_out_ = false;
  Handler handler_;  // empty once called or cancelled
};

}  // namespace tlscope
