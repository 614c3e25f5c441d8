// SPDX-License-Identifier: Apache-2.0
#include "agent/probes/tls_family.h"

namespace tlscope {
namespace {

constexpr CallShape kPlainData{3, {}, ResultKind::kInt32};

constexpr CallShape Data(unsigned arguments) {
  return {arguments, arguments - 1, ResultKind::kInt32};
}

constexpr CallShape Entered(unsigned arguments) {
  return CallShape{arguments, {}, ResultKind::kNothing};
}

// In the order in which doctor shows them.
constexpr FunctionProbes kOpenSslFunctions[] = {
    {"SSL_read", "read_enter", "ssl_io_exit", kPlainData, TLSCOPE_POINT_TELLS_LENGTH},
    {"SSL_write", "write_enter", "ssl_io_exit", kPlainData,
     TLSCOPE_POINT_WRITES | TLSCOPE_POINT_TELLS_LENGTH},
    {"SSL_read_ex", "read_ex_enter", "ssl_io_exit", Data(4)},
    {"SSL_write_ex", "write_ex_enter", "ssl_io_exit", Data(4), TLSCOPE_POINT_WRITES},
    {"SSL_write_ex2", "write_ex2_enter", "ssl_io_exit", Data(5), TLSCOPE_POINT_WRITES},
    {"SSL_set_fd", "set_fd_enter", "", Entered(2)},
    {"SSL_set_rfd", "set_rfd_enter", "", Entered(2)},
    {"SSL_set_wfd", "set_wfd_enter", "", Entered(2)},
    {"SSL_up_ref", "up_ref_enter", "", Entered(1)},
    {"SSL_free", "free_enter", "", Entered(1)},
    {"SSL_do_handshake", "handshake_enter", "", Entered(1)},
    {"SSL_clear", "clear_enter", "", Entered(1)},
    {"SSL_sendfile", "sendfile_enter", "sendfile_exit", CallShape{1, {}, ResultKind::kInt64},
     TLSCOPE_POINT_WRITES | TLSCOPE_POINT_TELLS_LENGTH},
    {"SSL_get0_alpn_selected", "alpn_enter", "alpn_exit", Entered(3)},
};

}  // namespace

constexpr TlsFamily kOpenSslFamily{"OpenSSL",
                                   {"SSL_read", {"SSL_read_ex"}},
                                   {"SSL_write", {"SSL_write_ex2", "SSL_write_ex"}},
                                   kOpenSslFunctions,
                                   "BIO_f_ssl"};

std::vector<std::string_view> TlsFamily::FunctionNames() const {
  std::vector<std::string_view> names;
  names.reserve(functions.size());
  for (const FunctionProbes& probes : functions) names.push_back(probes.function);
  return names;
}

}  // namespace tlscope
