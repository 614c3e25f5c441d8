// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "agent/probes/prober.h"

namespace tlscope::testing {

/// Attaches to nothing, and keeps what it was asked for.
class FakeProber final : public Prober {
 public:
  Result<LibraryAttachment> AttachLibrary(const std::string& /*path*/,
                                          const std::string& name) override {
    asked.push_back(name);
    on_attach();
    if (failure) return tl::make_unexpected(*failure);
    if (!name.starts_with(libraries_in))
      return Fail(Errc::kNotFound, 0, "find SSL_read in " + name, "it is no library");
    attached.emplace(++last_, name);
    return LibraryAttachment{last_, refused};
  }

  void NoteUnderWay(std::uint32_t pid) override { under_way.push_back(pid); }

  void DetachLibrary(LibraryId library) override {
    detached.push_back(attached.at(library));
    attached.erase(library);
  }

  std::vector<std::string> asked;     ///< names, each time
  std::vector<std::string> detached;  ///< names, in order
  std::map<LibraryId, std::string> attached;
  std::vector<std::uint32_t> under_way;     ///< processes, each time
  std::vector<RefusedFunction> refused;     ///< of whatever is attached from now on
  std::optional<Error> failure;             ///< of whatever is asked for from now on
  std::string libraries_in;                 ///< what lies elsewhere is no library
  std::function<void()> on_attach = [] {};  ///< while the file is looked into

 private:
  LibraryId last_ = 0;
};

}  // namespace tlscope::testing
