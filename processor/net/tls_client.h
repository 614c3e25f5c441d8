// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "processor/base/result.h"
#include "processor/net/byte_stream.h"
#include "processor/net/stream_address.h"

namespace tlscope {

/// Makes the client's ends of TLS connections, all to one server. TLS 1.2 at least.
class TlsClient {
 public:
  /// `host`: of the address, for when the options name no server. kNotFound when a file cannot be
  /// read, kUsage when it does not hold what it should.
  static Result<std::unique_ptr<TlsClient>> Open(const TlsOptions& options,
                                                 const std::string& host);
  ~TlsClient();
  TlsClient(const TlsClient&) = delete;
  TlsClient& operator=(const TlsClient&) = delete;

  /// Takes the socket, which is connected. The client outlives the stream.
  std::shared_ptr<ByteStream> Make(ByteStream::Socket socket);

 private:
  class Impl;
  explicit TlsClient(std::unique_ptr<Impl> impl);

  const std::unique_ptr<Impl> impl_;
};

}  // namespace tlscope
