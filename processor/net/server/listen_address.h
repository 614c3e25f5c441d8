// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <string>

#include "processor/base/result.h"

namespace tlscope {

/// Reads "127.0.0.1:9464", "[::1]:9464" or "localhost:9464". kUsage when it is nothing of the kind:
/// names are not looked up, and without a host there is no default.
Result<boost::asio::ip::tcp::endpoint> ParseListenAddress(const std::string& address_and_port);

/// Why listening on `address_and_port` failed, with its remedy.
Error ListenError(const std::string& address_and_port, const boost::system::error_code& error);

}  // namespace tlscope
