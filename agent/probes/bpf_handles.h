// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

struct bpf_link;

namespace tlscope {

/// Turns a C destroy function into a unique_ptr deleter.
template <auto Free>
struct Deleter {
  template <class T>
  void operator()(T* handle) const noexcept {
    Free(handle);
  }
};

void DestroyLink(bpf_link* link);
using LinkPtr = std::unique_ptr<bpf_link, Deleter<DestroyLink>>;

}  // namespace tlscope
