// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agent/probes/probe_plan.h"
#include "processor/base/result.h"

namespace tlscope {

/// A library that probes are attached to.
using LibraryId = std::uint32_t;

/// What was attached, and what of the library stays unseen.
struct LibraryAttachment {
  LibraryId id = 0;
  std::vector<RefusedFunction> refused;
};

/// Puts probes into libraries and takes them out again: all that finding libraries needs to know of
/// a ProbeSession, so that it runs without a kernel in tests. One thread.
class Prober {
 public:
  virtual ~Prober() = default;

  /// Attaches to every function of ours that the library at `path` has and that can be seen without
  /// harm: all of these, or none on failure. kNotFound: it has none of those that carry data, so it
  /// is no TLS library. Errors call the file by `name`.
  virtual Result<LibraryAttachment> AttachLibrary(const std::string& path,
                                                  const std::string& name) = 0;

  /// A process was found that maps a library which is attached to: what it is in the midst of is
  /// lost, and is shown to be.
  virtual void NoteUnderWay(std::uint32_t pid) = 0;

  /// Detaches from one library; does nothing when it is not attached to.
  virtual void DetachLibrary(LibraryId library) = 0;
};

}  // namespace tlscope
