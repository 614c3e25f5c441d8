// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agent/elf/elf_file.h"

namespace tlscope {

/// What in a file may refer to a place in its code, going by its bytes: a search that knows nothing
/// of where instructions begin. What it does not find does not refer to it.
struct References {
  std::vector<std::uint64_t> calls;   ///< addresses at which there are the bytes of a call of it
  std::vector<std::uint64_t> others;  ///< addresses of code from which it is reached in another way
  std::string elsewhere;  ///< for people, what refers to it besides code; empty when nothing does
};

/// Finds what refers to the code at `target`: in code its distance from there, in data its address,
/// at places where words are aligned.
References FindReferences(const ElfFile& elf, std::uint64_t target);

}  // namespace tlscope
