// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <system_error>
#include <tl/expected.hpp>
#include <utility>

namespace tlscope {

/// What kind of failure it is; the command line maps each to an exit status.
enum class Errc : std::uint8_t {
  kUsage,          ///< what was asked makes no sense
  kPrivilege,      ///< the caller may not do this
  kUnsupported,    ///< the kernel cannot do this
  kNotFound,       ///< what was named is not there
  kSystem,         ///< a system call failed; `error_number` says how
  kInvalidRecord,  ///< a record from the ring breaks the ABI
};

/// Why something did not work: verb and object, the errno (0 when there is none), the remedy.
struct Error {
  Errc code;
  int error_number = 0;
  std::string what;    ///< "attach SSL_read in /usr/lib/libssl.so.3"
  std::string remedy;  ///< "run it as root"; empty when none is known

  /// "cannot attach SSL_read in ...: Invalid argument; run it as root"
  std::string Describe() const {
    std::string text = "cannot " + what;
    if (error_number != 0) text += ": " + std::generic_category().message(error_number);
    if (!remedy.empty()) text += "; " + remedy;
    return text;
  }
};

template <class T>
using Result = tl::expected<T, Error>;

/// The error half of any Result.
inline tl::unexpected<Error> Fail(Errc code, int error_number, std::string what,
                                  std::string remedy = {}) {
  return tl::make_unexpected(Error{code, error_number, std::move(what), std::move(remedy)});
}

}  // namespace tlscope
