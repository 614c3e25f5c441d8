// SPDX-License-Identifier: Apache-2.0
#include "processor/net/tls_client.h"

#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <array>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ssl/context.hpp>
#include <cerrno>
#include <cstddef>
#include <new>
#include <string_view>
#include <utility>

#include "processor/net/tls_stream.h"

namespace tlscope {
namespace {

namespace asio = boost::asio;
namespace ssl = boost::asio::ssl;
using boost::system::error_code;

/// OpenSSL's own default asks on the terminal.
int RefusePassword(char* /*buffer*/, int /*size*/, int /*rwflag*/, void* /*data*/) { return 0; }

/// Whether the file can be read at all: OpenSSL's words for that help nobody.
Result<void> CheckReadable(const std::string& path, const char* what) {
  if (path.empty() || access(path.c_str(), R_OK) == 0) return {};
  const int error = errno;
  const Errc code = error == ENOENT ? Errc::kNotFound : Errc::kPrivilege;
  return Fail(code, error, std::string("read the ") + what + " " + path);
}

Result<void> UseCa(ssl::context& context, const std::string& path) {
  TLSCOPE_TRY(CheckReadable(path, "CA certificates"));
  error_code error;
  if (path.empty())
    context.set_default_verify_paths(error);
  else
    context.load_verify_file(path, error);
  if (!error) return {};
  return Fail(Errc::kUsage, 0, "use the CA certificates " + path + ": " + error.message(),
              "give a file with certificates in PEM");
}

Result<void> UseCertificate(ssl::context& context, const TlsOptions& options) {
  const std::string& certificate = options.certificate_file;
  if (certificate.empty()) {
    if (options.key_file.empty()) return {};
    return Fail(Errc::kUsage, 0, "use the key " + options.key_file + " without a certificate",
                "give its certificate, too");
  }
  const std::string& key = options.key_file.empty() ? certificate : options.key_file;
  TLSCOPE_TRY(CheckReadable(certificate, "client certificate"));
  TLSCOPE_TRY(CheckReadable(key, "key"));
  error_code error;
  context.use_certificate_chain_file(certificate, error);
  if (error) {
    return Fail(Errc::kUsage, 0,
                "use the client certificate " + certificate + ": " + error.message(),
                "give a file with the certificate and its chain in PEM");
  }
  context.use_private_key_file(key, ssl::context::pem, error);
  if (error) {
    return Fail(Errc::kUsage, 0, "use the key " + key + ": " + error.message(),
                "give the certificate's own key in PEM and without a password");
  }
  return {};
}

/// Where OpenSSL does not take whom to expect, it would accept anybody: better to end.
void MustExpect(int taken) {
  if (taken != 1) throw std::bad_alloc();
}

template <std::size_t Bytes>
void ExpectAddress(SSL* ssl, const std::array<unsigned char, Bytes>& address) {
  MustExpect(X509_VERIFY_PARAM_set1_ip(SSL_get0_param(ssl), address.data(), address.size()));
}

}  // namespace

class TlsClient::Impl {
 public:
  Impl(std::string server_name, bool verify)
      : context_(ssl::context::tls_client), server_name_(std::move(server_name)), verify_(verify) {}

  Result<void> Prepare(const TlsOptions& options) {
    SSL_CTX* const context = context_.native_handle();
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_default_passwd_cb(context, RefusePassword);
    error_code error;
    context_.set_verify_mode(verify_ ? ssl::verify_peer : ssl::verify_none, error);
    TLSCOPE_TRY(UseCa(context_, options.ca_file));
    return UseCertificate(context_, options);
  }

  std::shared_ptr<ByteStream> Make(ByteStream::Socket socket) {
    auto stream = std::make_shared<TlsStream>(std::move(socket), context_, TlsRole::kClient);
    SSL* const ssl = stream->native();
    error_code not_an_address;
    const auto address = asio::ip::make_address(server_name_, not_an_address);
    if (not_an_address) {
      // RFC 6066 3: a name, never an address.
      SSL_set_tlsext_host_name(ssl, server_name_.c_str());
      SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
      MustExpect(SSL_set1_host(ssl, server_name_.c_str()));
    } else if (address.is_v4()) {
      ExpectAddress(ssl, address.to_v4().to_bytes());
    } else {
      // Not as text: with a zone (fe80::1%eth0) OpenSSL takes it for none, and expects nobody.
      ExpectAddress(ssl, address.to_v6().to_bytes());
    }
    return stream;
  }

 private:
  ssl::context context_;
  const std::string server_name_;
  const bool verify_;
};

Result<std::unique_ptr<TlsClient>> TlsClient::Open(const TlsOptions& options,
                                                   const std::string& host) {
  const std::string& name = options.server_name.empty() ? host : options.server_name;
  if (name.empty() || name.size() > 255 || name.find('\0') != std::string::npos) {
    return Fail(Errc::kUsage, 0, "verify a server of the name '" + name + "'",
                "give the name that is in its certificate");
  }
  auto impl = std::make_unique<Impl>(name, options.verify);
  TLSCOPE_TRY(impl->Prepare(options));
  return std::unique_ptr<TlsClient>(new TlsClient(std::move(impl)));
}

TlsClient::TlsClient(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

TlsClient::~TlsClient() = default;

std::shared_ptr<ByteStream> TlsClient::Make(ByteStream::Socket socket) {
  return impl_->Make(std::move(socket));
}

}  // namespace tlscope
