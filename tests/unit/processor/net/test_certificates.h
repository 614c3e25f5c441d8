// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <string>

namespace tlscope {

/// A certificate with its key.
class TestCertificate {
 public:
  /// Signed by `issuer`; null: by itself, as a CA's. `alternative_name` as in "DNS:host".
  TestCertificate(const std::string& common_name, const std::string& alternative_name,
                  const TestCertificate* issuer)
      : key_(EVP_EC_gen("P-256"), EVP_PKEY_free), certificate_(X509_new(), X509_free) {
    static long serial = 0;
    X509* const x509 = certificate_.get();
    X509_set_version(x509, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(x509), ++serial);
    X509_gmtime_adj(X509_getm_notBefore(x509), -3600);
    X509_gmtime_adj(X509_getm_notAfter(x509), 3600);
    X509_set_pubkey(x509, key_.get());
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x509), "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(common_name.c_str()), -1, -1,
                               0);
    const TestCertificate& signer = issuer != nullptr ? *issuer : *this;
    X509_set_issuer_name(x509, X509_get_subject_name(signer.certificate_.get()));
    Extend(signer, NID_basic_constraints, issuer != nullptr ? "CA:FALSE" : "critical,CA:TRUE");
    if (!alternative_name.empty()) Extend(signer, NID_subject_alt_name, alternative_name);
    EXPECT_GT(X509_sign(x509, signer.key_.get(), EVP_sha256()), 0);
  }

  X509* x509() const { return certificate_.get(); }
  EVP_PKEY* key() const { return key_.get(); }

  /// Writes the certificate, or its key, as PEM and returns where.
  std::string CertificateFile() const {
    return Write("crt", [this](std::FILE* file) { PEM_write_X509(file, certificate_.get()); });
  }
  std::string KeyFile() const {
    return Write("key", [this](std::FILE* file) {
      PEM_write_PrivateKey(file, key_.get(), nullptr, nullptr, 0, nullptr, nullptr);
    });
  }

 private:
  void Extend(const TestCertificate& signer, int nid, const std::string& value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, signer.certificate_.get(), certificate_.get(), nullptr, nullptr, 0);
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
    EXPECT_NE(extension, nullptr);
    X509_add_ext(certificate_.get(), extension, -1);
    X509_EXTENSION_free(extension);
  }

  template <class Writer>
  std::string Write(const std::string& ending, const Writer& writer) const {
    const long serial = ASN1_INTEGER_get(X509_get_serialNumber(certificate_.get()));
    std::string path = testing::TempDir() + "tlscope_test_" + std::to_string(getpid()) + "_" +
                       std::to_string(serial) + "." + ending;
    std::FILE* file = std::fopen(path.c_str(), "we");
    EXPECT_NE(file, nullptr);
    writer(file);
    std::fclose(file);
    return path;
  }

  std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key_;
  std::unique_ptr<X509, decltype(&X509_free)> certificate_;
};

}  // namespace tlscope
