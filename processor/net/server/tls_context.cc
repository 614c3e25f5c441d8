// SPDX-License-Identifier: Apache-2.0
#include "processor/net/server/tls_context.h"

#include <openssl/ssl.h>

#include <utility>

namespace tlscope {
namespace {

namespace ssl = boost::asio::ssl;

tl::unexpected<Error> TlsError(const std::string& what, const boost::system::error_code& error,
                               const char* option) {
  return Fail(Errc::kUsage, 0, what + ": " + error.message(),
              std::string("name a file of PEM with ") + option);
}

}  // namespace

Result<ssl::context> MakeServerContext(const TlsFiles& tls) {
  if (tls.certificate.empty() || tls.key.empty()) {
    return Fail(Errc::kUsage, 0, "listen with TLS",
                "name the certificate with --tls-cert and its key with --tls-key");
  }
  ssl::context context(ssl::context::tls_server);
  boost::system::error_code error;
  context.set_options(ssl::context::default_workarounds | ssl::context::no_sslv2 |
                          ssl::context::no_sslv3 | ssl::context::no_tlsv1 |
                          ssl::context::no_tlsv1_1 | ssl::context::no_compression,
                      error);
  // Connections last: there is nothing to resume, and nothing of a certificate to remember.
  SSL_CTX_set_session_cache_mode(context.native_handle(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_options(context.native_handle(), SSL_OP_NO_TICKET);
  if (!error) context.use_certificate_chain_file(tls.certificate, error);
  if (error) return TlsError("use the certificate " + tls.certificate, error, "--tls-cert");
  context.use_private_key_file(tls.key, ssl::context::pem, error);
  if (error) return TlsError("use the key " + tls.key, error, "--tls-key");
  if (tls.client_ca.empty()) return context;
  context.load_verify_file(tls.client_ca, error);
  if (!error) {
    context.set_verify_mode(ssl::verify_peer | ssl::verify_fail_if_no_peer_cert, error);
  }
  if (error) return TlsError("use the CA " + tls.client_ca, error, "--tls-client-ca");
  return context;
}

}  // namespace tlscope
