// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "agent/elf/elf_file.h"
#include "processor/base/result.h"

namespace tlscope {

/// Where functions lie in an ELF file: name to file offset, as a uprobe wants it.
using FunctionOffsets = std::unordered_map<std::string_view, std::uint64_t>;

/// Looks `names` up in .dynsym, then in .symtab, then in what .gnu_debugdata holds, of the ELF file
/// at `path`. A further table is read only while one of `essential` (all names, if that is empty)
/// has not been found, and of a table no more than its names when they hold none of those. A name
/// that is not there is not in the result. The keys are the caller's names. kNotFound: no ELF file
/// of this machine's kind; kSystem: it cannot be opened. The file may be hostile.
Result<FunctionOffsets> FindFunctions(const std::string& path,
                                      std::span<const std::string_view> names,
                                      std::span<const std::string_view> essential = {});

/// The same of an ELF file that is open.
FunctionOffsets FindFunctions(const ElfFile& elf, std::span<const std::string_view> names,
                              std::span<const std::string_view> essential = {});

}  // namespace tlscope
