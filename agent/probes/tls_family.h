// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>
#include <vector>

namespace tlscope {

/// A function of a library and the BPF programs, by name, that run when it is entered and left.
struct FunctionProbes {
  std::string_view function;
  std::string_view at_entry;
  std::string_view at_return = {};  ///< empty: nobody asks what it returned
};

/// One direction of plaintext: two public functions that move it. Where both call one inner
/// function with the arguments of `ex`, the probes of `ex` go there and serve both.
struct DataFunctions {
  std::string_view plain;
  std::string_view ex;
};

/// A family of TLS libraries, as data: which functions are probed where a library has them, and by
/// which programs.
struct TlsFamily {
  std::string_view name;
  DataFunctions read;
  DataFunctions write;
  std::span<const FunctionProbes> functions;  ///< those of both directions included

  std::vector<std::string_view> FunctionNames() const;

  /// Of which a library must have one to be of any use.
  std::vector<std::string_view> EssentialNames() const { return {read.plain, write.plain}; }
};

/// OpenSSL and what has its functions, such as BoringSSL.
extern const TlsFamily kOpenSslFamily;

}  // namespace tlscope
