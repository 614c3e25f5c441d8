// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>

namespace tlscope {

/// How many bytes of a function FindInnerFunction looks at.
inline constexpr std::size_t kPrologueBytes = 96;

/// The machine code at the start of a function, and its place in the file.
struct FunctionCode {
  std::uint64_t offset;
  std::span<const std::uint8_t> bytes;
};

/// Finds the function that SSL_read and SSL_read_ex (or the SSL_write pair) both call to do the
/// work, taking what the _ex function takes: f(SSL *, buf, size_t num, size_t *moved). A probe
/// there serves both, and where the public function begins with an instruction that the kernel has
/// to single-step, costs a tenth.
///
/// Both must make their first call to the same place; on the way there the _ex function must leave
/// all four argument registers alone, the plain one the first two. Anything else gives nullopt, and
/// the public functions are probed. Code of x86-64 only; it may be hostile.
std::optional<std::uint64_t> FindInnerFunction(const FunctionCode& plain, const FunctionCode& ex);

/// Bytes from the start of a function to the first instruction that the kernel emulates instead of
/// single-stepping it, if that comes before anything that moves the stack pointer; a return probe
/// may stand there. 0 to keep the start: nothing is gained elsewhere.
std::uint64_t CheapEntry(std::span<const std::uint8_t> code);

/// Whether a probe on the first instruction of `code` is emulated by the kernel: push of a
/// register, nop, jmp, call, jcc (arch/x86/kernel/uprobes.c: push_setup_xol_ops,
/// branch_setup_xol_ops).
bool IsEmulated(std::span<const std::uint8_t> code);

}  // namespace tlscope
