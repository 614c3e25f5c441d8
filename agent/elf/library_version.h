// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace tlscope {

/// "OpenSSL 3.0.17" or "BoringSSL", as the constants of the ELF file behind `fd` tell; empty when
/// they do not. Reads the file's .rodata, at most 128 MiB of it.
std::string LibraryVersion(int fd);

/// The other TLS libraries that a file named like this is one of, "GnuTLS"; empty when it is none.
std::string OtherTlsByName(std::string_view path);

/// The TLS inside a program, "Go's crypto/tls", as its sections tell; empty when it is none known.
std::string OtherTlsInside(int fd);

}  // namespace tlscope
