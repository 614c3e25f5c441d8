// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>

namespace tlscope {

/// A general register by the number that instructions have for it: 0 is rax, 4 rsp, 15 r15.
using RegisterNumber = std::uint8_t;
inline constexpr RegisterNumber kRax = 0;
inline constexpr RegisterNumber kRcx = 1;
inline constexpr RegisterNumber kRdx = 2;
inline constexpr RegisterNumber kRsp = 4;
inline constexpr RegisterNumber kRbp = 5;
inline constexpr RegisterNumber kRsi = 6;
inline constexpr RegisterNumber kRdi = 7;
inline constexpr RegisterNumber kRegisters = 16;
inline constexpr RegisterNumber kNoRegister = 0xff;

/// A bit for each general register.
using RegisterSet = std::uint16_t;
constexpr RegisterSet SetOf(RegisterNumber number) {
  return static_cast<RegisterSet>(number < kRegisters ? 1U << number : 0U);
}

/// Those that hold the first arguments of a function, in order (System V ABI, AMD64, 3.2.3).
inline constexpr RegisterNumber kArgumentRegisters[] = {kRdi, kRsi, kRdx, kRcx, 8, 9};

/// Those that a called function may leave changed: rax, rcx, rdx, rsi, rdi, r8 to r11 (the same).
inline constexpr RegisterSet kCallerSaved = 0x0fc7;

/// What runs next.
enum class Flow : std::uint8_t {
  kOn,      ///< what follows
  kJump,    ///< `target`
  kBranch,  ///< what follows, or `target`
  kCall,    ///< a function, `target` where it is known, and then what follows if that returns
  kReturn,  ///< the caller
  kStop,    ///< nothing: ud2, hlt, int3
  kUntold,  ///< a place that a register or memory names
};

/// How a value that is followed moves. Whatever else an instruction does with registers is in
/// `writes`.
enum class Move : std::uint8_t {
  kNone,
  kCopy,     ///< register `from` to register `to`
  kLoad,     ///< `memory` to register `to`, 64 bits
  kStore,    ///< register `from` to `memory`, 64 bits
  kAddress,  ///< the address of `memory` to register `to`
  kPush,     ///< register `from`, or kNoRegister: something else
  kPop,      ///< to register `to`
  kAdd,      ///< `amount` to register `to`
  kLeave,    ///< rsp becomes rbp, then rbp is popped
};

/// How many bits of a register a copy takes along.
enum class CopyWidth : std::uint8_t { kFull, kLow32 };

/// Memory that an instruction names: base + index * n + displacement.
struct MemoryPlace {
  RegisterNumber base = kNoRegister;
  bool plain = false;  ///< of base and displacement alone
  std::int64_t displacement = 0;
  std::uint32_t size = 0;
};

/// What an instruction of x86-64 does, as far as it is of interest here.
struct Instruction {
  std::uint64_t address = 0;
  std::uint8_t length = 0;
  Flow flow = Flow::kOn;
  Move move = Move::kNone;
  CopyWidth width = CopyWidth::kFull;
  RegisterNumber to = kNoRegister;
  RegisterNumber from = kNoRegister;
  RegisterSet writes = 0;  ///< wholly or in part, surely or perhaps; rsp by push and pop as well
  bool writes_memory = false;  ///< other than by pushing
  bool landing_pad = false;    ///< endbr64
  bool emulated = false;       ///< the kernel does its work itself at a probe
  bool plain = false;          ///< of registers alone, or a pop: harmless to step out of line
  std::uint64_t target = 0;    ///< of a jump, branch or call; 0 for a call of what cannot be told
  std::int64_t amount = 0;
  MemoryPlace memory;  ///< what it writes; what it reads if it writes none

  std::uint64_t end() const { return address + length; }
};

/// The longest instruction (Intel SDM, volume 2, 2.3.11).
inline constexpr std::size_t kMaxInstructionBytes = 15;

/// Decodes what is at the start of `bytes`, which lie at `address`. nullopt: it is no instruction,
/// or none that programs are made of.
std::optional<Instruction> DecodeInstruction(std::uint64_t address,
                                             std::span<const std::uint8_t> bytes);

}  // namespace tlscope
