// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "agent/code/code_source.h"
#include "agent/elf/elf_file.h"
#include "agent/elf/unwind_table.h"

namespace tlscope {

/// The code of an ELF file.
class ElfCode final : public CodeSource {
 public:
  /// Of `elf`, borrowed.
  explicit ElfCode(const ElfFile& elf) : elf_(elf), unwind_(elf) {}

  std::size_t ReadCode(std::uint64_t address, std::span<std::uint8_t> out) const override;
  bool ReadConstants(std::uint64_t address, std::span<std::uint8_t> out) const override;
  std::optional<CodeRange> FunctionAt(std::uint64_t address) const override {
    return unwind_.Find(address);
  }

 private:
  const ElfFile& elf_;
  UnwindTable unwind_;
};

}  // namespace tlscope
