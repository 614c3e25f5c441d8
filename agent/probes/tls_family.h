// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "agent/code/code_point.h"

namespace tlscope {

/// A function of a library and the BPF programs, by name, that run when it is entered and left.
struct FunctionProbes {
  std::string_view function;
  std::string_view at_entry;
  std::string_view at_exit;  ///< empty: nobody asks what came of it
  CallShape shape;
  std::uint32_t flags = 0;  ///< TLSCOPE_POINT_*, of all its points
};

/// One direction of plaintext: public functions that move it.
struct DataFunctions {
  std::string_view plain;

  /// The one that tells by a pointer how much it moved: the first that a library has, for the
  /// others only wrap that one. Where it and `plain` both call one inner function with its
  /// arguments, its probes go there and serve both.
  std::array<std::string_view, 2> ex;
};

/// A family of TLS libraries, as data: which functions are probed where a library has them, and by
/// which programs.
struct TlsFamily {
  std::string_view name;
  DataFunctions read;
  DataFunctions write;
  std::span<const FunctionProbes> functions;  ///< those of both directions included
  std::string_view bypass;  ///< moves data by the inner functions, past the public ones

  std::vector<std::string_view> FunctionNames() const;

  /// Of which a library must have one to be of any use.
  std::vector<std::string_view> EssentialNames() const { return {read.plain, write.plain}; }
};

/// OpenSSL and what has its functions, such as BoringSSL.
extern const TlsFamily kOpenSslFamily;

}  // namespace tlscope
