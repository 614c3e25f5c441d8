// SPDX-License-Identifier: Apache-2.0
#include "agent/probes/tls_family.h"

namespace tlscope {
namespace {

// In the order in which doctor shows them.
constexpr FunctionProbes kOpenSslFunctions[] = {
    {"SSL_read", "read_enter", "ssl_io_exit"},
    {"SSL_write", "write_enter", "ssl_io_exit"},
    {"SSL_read_ex", "read_ex_enter", "ssl_io_exit"},
    {"SSL_write_ex", "write_ex_enter", "ssl_io_exit"},
    {"SSL_set_fd", "set_fd_enter"},
    {"SSL_set_rfd", "set_rfd_enter"},
    {"SSL_set_wfd", "set_wfd_enter"},
    {"SSL_up_ref", "up_ref_enter"},
    {"SSL_free", "free_enter"},
    {"SSL_do_handshake", "handshake_enter", "handshake_exit"},
    {"SSL_clear", "clear_enter"},
    {"SSL_sendfile", "sendfile_enter", "sendfile_exit"},
    {"SSL_get0_alpn_selected", "alpn_enter", "alpn_exit"},
};

}  // namespace

constexpr TlsFamily kOpenSslFamily{
    "OpenSSL", {"SSL_read", "SSL_read_ex"}, {"SSL_write", "SSL_write_ex"}, kOpenSslFunctions};

std::vector<std::string_view> TlsFamily::FunctionNames() const {
  std::vector<std::string_view> names;
  names.reserve(functions.size());
  for (const FunctionProbes& probes : functions) names.push_back(probes.function);
  return names;
}

}  // namespace tlscope
