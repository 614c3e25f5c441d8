// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/ssl/context.hpp>

#include "processor/base/result.h"
#include "processor/net/server/tls_files.h"

namespace tlscope {

/// TLS 1.2 or newer. Where a CA for clients is named, only clients that show a certificate of it
/// get through. Fails for files that cannot be read or do not belong together.
Result<boost::asio::ssl::context> MakeServerContext(const TlsFiles& tls);

}  // namespace tlscope
