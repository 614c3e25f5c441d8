// SPDX-License-Identifier: Apache-2.0
#include "parsers/http1/carry.h"

namespace tlscope::http1 {

bool Carry::Settle() {
  if (bytes_.size() == taken_bytes_) return true;
  budget_.Give(std::exchange(taken_bytes_, 0));
  if (!budget_.Take(bytes_.size())) return false;
  taken_bytes_ = bytes_.size();
  return true;
}

std::string Carry::Take() {
  budget_.Give(std::exchange(taken_bytes_, 0));
  return std::exchange(bytes_, {});
}

void Carry::Drop() {
  budget_.Give(std::exchange(taken_bytes_, 0));
  bytes_.clear();
}

}  // namespace tlscope::http1
