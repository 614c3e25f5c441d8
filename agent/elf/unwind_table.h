// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "agent/elf/elf_file.h"

namespace tlscope {

/// Code at virtual addresses from `begin` up to, not including, `end`.
struct CodeRange {
  std::uint64_t begin;
  std::uint64_t end;
  bool Holds(std::uint64_t address) const { return address >= begin && address < end; }
  bool operator==(const CodeRange&) const = default;
};

/// Where the functions of an ELF file begin and end, as its unwind information says (.eh_frame; LSB
/// 5.0 Core, 10.6): compilers write it for every function of x86-64, whether exceptions are used or
/// not (System V ABI, AMD64, 3.7), and stripping leaves it. The parts that a compiler splits a
/// function into count as functions of their own.
class UnwindTable {
 public:
  /// Of `elf`, borrowed. One without unwind information has a table that finds nothing.
  explicit UnwindTable(const ElfFile& elf);

  /// The function that `address` lies in; nullopt when none is known.
  std::optional<CodeRange> Find(std::uint64_t address) const;

  /// Whether it has anything to find.
  bool empty() const { return rows_ == 0 && ranges_.empty(); }

 private:
  struct Row;
  bool OpenIndex();
  void ReadRecords();
  std::optional<Row> RowAt(std::uint64_t index) const;

  const ElfFile& elf_;
  // .eh_frame_hdr: a table sorted by where functions begin, which is searched in the file.
  std::uint64_t index_address_ = 0;
  std::uint64_t rows_offset_ = 0;
  std::uint64_t rows_ = 0;
  // Where a file has no such table: what all its records say, sorted.
  std::vector<CodeRange> ranges_;
};

}  // namespace tlscope
