// SPDX-License-Identifier: Apache-2.0
#include "processor/net/tls_stream.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include <boost/asio/error.hpp>
#include <boost/asio/ssl/error.hpp>
#include <utility>

namespace tlscope {
namespace {

namespace asio = boost::asio;
namespace ssl = boost::asio::ssl;
using boost::system::error_code;

/// What to do about a certificate of the server that does not verify.
std::string RemedyForCertificate(long result) {
  switch (result) {
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_CERT_UNTRUSTED:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:  // by another CA of the same name
      return "give the CA that has signed it with --tls-ca FILE";
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return "the certificate is for another name: give that name with --tls-server-name NAME";
    case X509_V_ERR_CERT_NOT_YET_VALID:
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return "renew the certificate, or see that this host's clock is right";
    default:
      return {};
  }
}

/// What to do about an alert of the server, or a failure of OpenSSL itself.
std::string RemedyForReason(int reason) {
  switch (reason) {
    case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
    case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE:
      return "the server may want a client certificate: give one with --tls-cert FILE";
    case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
    case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
    case SSL_R_TLSV1_ALERT_DECRYPT_ERROR:
      return "the server does not take the client certificate: give one that it trusts with "
             "--tls-cert FILE";
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
      return "the peer speaks no TLS from 1.2 on: give tcp:// if it is to be sent to unencrypted";
    default:
      return {};
  }
}

}  // namespace

TlsStream::TlsStream(Socket socket, ssl::context& context, TlsRole role)
    : stream_(std::move(socket), context), role_(role) {}

void TlsStream::AsyncHandshake(DoneHandler handler) {
  stream_.async_handshake(
      role_ == TlsRole::kClient ? ssl::stream_base::client : ssl::stream_base::server,
      std::move(handler));
}

void TlsStream::AsyncRead(asio::mutable_buffer room, Handler handler) {
  stream_.async_read_some(room, std::move(handler));
}

void TlsStream::AsyncWrite(const std::vector<asio::const_buffer>& parts, Handler handler) {
  stream_.async_write_some(parts, std::move(handler));
}

void TlsStream::AsyncShutdown(DoneHandler handler) { stream_.async_shutdown(std::move(handler)); }

void TlsStream::EndWriting() {
  error_code ignored;
  stream_.next_layer().shutdown(Socket::shutdown_send, ignored);
}

void TlsStream::Close() {
  error_code ignored;
  stream_.next_layer().close(ignored);
}

bool TlsStream::PeerMayStillRefuse() const {
  return role_ == TlsRole::kClient && SSL_version(ssl()) >= TLS1_3_VERSION;
}

Error TlsStream::Explain(const std::string& what, const error_code& error) const {
  // A peer may leave out the last alert.
  if (error == ssl::error::stream_truncated) return ExplainSocketError(what, asio::error::eof);
  if (error.category() != asio::error::get_ssl_category()) return ExplainSocketError(what, error);
  if (role_ == TlsRole::kServer) return {Errc::kSystem, 0, what + ": " + error.message(), {}};
  const long verified = SSL_get_verify_result(ssl());
  if (verified != X509_V_OK) {
    return {Errc::kSystem, 0,
            what + ": the server's certificate does not verify: " +
                X509_verify_cert_error_string(verified),
            RemedyForCertificate(verified)};
  }
  return {Errc::kSystem, 0, what + ": " + error.message(),
          RemedyForReason(ERR_GET_REASON(static_cast<unsigned long>(error.value())))};
}

SSL* TlsStream::ssl() const {
  // native_handle is not const in Asio; what is asked of it here changes nothing.
  return const_cast<ssl::stream<Socket>&>(stream_).native_handle();
}

}  // namespace tlscope
