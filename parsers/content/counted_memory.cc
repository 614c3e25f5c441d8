// SPDX-License-Identifier: Apache-2.0
#include "parsers/content/counted_memory.h"

#include <cstdlib>
#include <cstring>

namespace tlscope::content {
namespace {

// Before each piece of memory stands its size, and the piece stays aligned for anything.
constexpr std::size_t kPrefixBytes = alignof(std::max_align_t);
static_assert(kPrefixBytes >= sizeof(std::size_t));

}  // namespace

void* CountedMemory::Allocate(std::size_t bytes) noexcept {
  const std::size_t whole = bytes + kPrefixBytes;
  if (whole < bytes || !budget_.Take(whole)) return nullptr;
  auto* memory = static_cast<char*>(std::malloc(whole));
  if (memory == nullptr) {
    budget_.Give(whole);
    return nullptr;
  }
  held_bytes_ += whole;
  std::memcpy(memory, &whole, sizeof whole);
  return memory + kPrefixBytes;
}

void CountedMemory::Free(void* memory) noexcept {
  if (memory == nullptr) return;
  char* const start = static_cast<char*>(memory) - kPrefixBytes;
  std::size_t whole = 0;
  std::memcpy(&whole, start, sizeof whole);
  held_bytes_ -= whole;
  budget_.Give(whole);
  std::free(start);
}

}  // namespace tlscope::content
