// SPDX-License-Identifier: Apache-2.0
#include "agent/code/elf_code.h"

#include <algorithm>

namespace tlscope {

std::size_t ElfCode::ReadCode(std::uint64_t address, std::span<std::uint8_t> out) const {
  for (const Elf64_Phdr& segment : elf_.segments()) {
    if (segment.p_type != PT_LOAD || (segment.p_flags & PF_X) == 0) continue;
    if (address < segment.p_vaddr || address - segment.p_vaddr >= segment.p_filesz) continue;
    const std::uint64_t left = segment.p_filesz - (address - segment.p_vaddr);
    const std::size_t size = static_cast<std::size_t>(std::min<std::uint64_t>(out.size(), left));
    const auto offset = elf_.CodeOffset(address);
    if (offset && elf_.Read(*offset, std::as_writable_bytes(out.first(size)))) return size;
    return 0;
  }
  return 0;
}

bool ElfCode::ReadConstants(std::uint64_t address, std::span<std::uint8_t> out) const {
  const auto offset = elf_.Offset(address);
  return offset && elf_.Read(*offset, std::as_writable_bytes(out));
}

}  // namespace tlscope
