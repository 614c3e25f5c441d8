// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

#include "agent/code/code_point.h"
#include "agent/code/code_source.h"
#include "agent/code/ways.h"
#include "agent/elf/elf_file.h"

namespace tlscope {

/// A function that passes its calls on to another one, and whose result is positive when that one's
/// is, with what it moved still where it was left: its own ways out are those of the other one,
/// too.
struct Wrapper {
  const DecodedFunction* function;
  CallShape shape;
};

/// Where calls of the function at `target` end in those who call it: behind each call in the file.
/// For a function whose own ways out cannot be told, and which nobody outside can call. Refused
/// when it is reached in any other way: by a jump, or by its address, taken in code or in data.
WaysOut FindWaysOutBehindCalls(const ElfFile& elf, const CodeSource& source, std::uint64_t target,
                               const CallShape& shape, std::span<const Wrapper> wrappers);

}  // namespace tlscope
