// SPDX-License-Identifier: Apache-2.0
#include "agent/code/instruction.h"

#include <Zydis/Zydis.h>

#include <algorithm>

namespace tlscope {
namespace {

using Bytes = std::span<const std::uint8_t>;

struct Decoded {
  ZydisDecodedInstruction code;
  ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];

  std::span<const ZydisDecodedOperand> All() const { return {operands, code.operand_count}; }
  std::span<const ZydisDecodedOperand> Visible() const {
    return {operands, code.operand_count_visible};
  }
};

constexpr std::uint32_t kUnknownSize = 1U << 20;

RegisterNumber NumberOf(ZydisRegister name) {
  const ZydisRegister whole = ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, name);
  if (ZydisRegisterGetClass(whole) != ZYDIS_REGCLASS_GPR64) return kNoRegister;
  return static_cast<RegisterNumber>(ZydisRegisterGetId(whole));
}

bool IsRegister(const ZydisDecodedOperand& operand, unsigned bits) {
  return operand.type == ZYDIS_OPERAND_TYPE_REGISTER && operand.size == bits &&
         NumberOf(operand.reg.value) != kNoRegister;
}

bool IsMemory(const ZydisDecodedOperand& operand) {
  return operand.type == ZYDIS_OPERAND_TYPE_MEMORY;
}

bool IsWritten(const ZydisDecodedOperand& operand) {
  return (operand.actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) != 0;
}

// arch/x86/kernel/uprobes.c: push_setup_xol_ops and branch_setup_xol_ops. A call is left out though
// the kernel emulates it: it pushes the return address on the stack alone, which a program that
// runs with a shadow stack does not survive. Longer nops are taken only by newer kernels.
bool IsEmulated(Bytes code) {
  const std::uint8_t first = code[0];
  const bool one = code.size() == 1;
  if (one && (first == 0x90 || (first & 0xf8) == 0x50)) return true;
  if (code.size() == 2 && first == 0x41 && (code[1] & 0xf8) == 0x50) return true;
  if (first == 0xeb || first == 0xe9 || (first & 0xf0) == 0x70) return true;
  return first == 0x0f && code.size() == 6 && (code[1] & 0xf0) == 0x80;
}

// Processors do not agree on what the prefix 0x66 does to a branch, unless REX.W overrides it, as
// in what linkers make of calls of __tls_get_addr.
bool HasShorteningPrefix(const Decoded& decoded) {
  const auto prefixes = std::span(decoded.code.raw.prefixes).first(decoded.code.raw.prefix_count);
  return decoded.code.raw.rex.W == 0 &&
         std::ranges::any_of(prefixes, [](const auto& prefix) { return prefix.value == 0x66; });
}

/// nullopt: of a kind that compilers do not make.
std::optional<Flow> FlowOf(const Decoded& decoded, Bytes code) {
  const bool near_branch = decoded.code.meta.branch_type == ZYDIS_BRANCH_TYPE_SHORT ||
                           decoded.code.meta.branch_type == ZYDIS_BRANCH_TYPE_NEAR;
  const bool direct =
      !decoded.Visible().empty() && decoded.operands[0].type == ZYDIS_OPERAND_TYPE_IMMEDIATE;
  const bool shortened = HasShorteningPrefix(decoded);
  switch (decoded.code.meta.category) {
    case ZYDIS_CATEGORY_COND_BR:
      return near_branch && direct && !shortened ? std::optional(Flow::kBranch) : std::nullopt;
    case ZYDIS_CATEGORY_UNCOND_BR:
      if (!near_branch || shortened) return std::nullopt;
      return direct ? Flow::kJump : Flow::kUntold;
    case ZYDIS_CATEGORY_CALL:
      return near_branch && !shortened ? std::optional(Flow::kCall) : std::nullopt;
    case ZYDIS_CATEGORY_RET:
      // One that takes arguments off the stack is of another calling convention.
      return decoded.code.mnemonic == ZYDIS_MNEMONIC_RET && code.back() == 0xc3
                 ? std::optional(Flow::kReturn)
                 : std::nullopt;
    default:
      break;
  }
  switch (decoded.code.mnemonic) {
    case ZYDIS_MNEMONIC_UD0:
    case ZYDIS_MNEMONIC_UD1:
    case ZYDIS_MNEMONIC_UD2:
    case ZYDIS_MNEMONIC_HLT:
    case ZYDIS_MNEMONIC_INT3:
      return Flow::kStop;
    case ZYDIS_MNEMONIC_XBEGIN:
      return std::nullopt;
    default:
      return Flow::kOn;
  }
}

RegisterSet WrittenBy(const Decoded& decoded) {
  RegisterSet written = 0;
  for (const ZydisDecodedOperand& operand : decoded.All()) {
    if (operand.type == ZYDIS_OPERAND_TYPE_REGISTER && IsWritten(operand))
      written = static_cast<RegisterSet>(written | SetOf(NumberOf(operand.reg.value)));
  }
  return written;
}

MemoryPlace PlaceOf(const ZydisDecodedOperand& operand) {
  MemoryPlace place;
  place.base = NumberOf(operand.mem.base);
  place.displacement = operand.mem.disp.value;
  place.size = operand.size / 8U;
  place.plain = place.base != kNoRegister && operand.mem.index == ZYDIS_REGISTER_NONE &&
                operand.mem.segment != ZYDIS_REGISTER_FS &&
                operand.mem.segment != ZYDIS_REGISTER_GS;
  return place;
}

void SetMemory(const Decoded& decoded, Instruction& out) {
  const ZydisDecodedOperand* named = nullptr;
  for (const ZydisDecodedOperand& operand : decoded.All()) {
    if (!IsMemory(operand)) continue;
    if (IsWritten(operand)) out.writes_memory = true;
    if (named == nullptr || IsWritten(operand)) named = &operand;
  }
  if (named != nullptr) out.memory = PlaceOf(*named);
  // Of these Zydis names one element, or no size at all.
  if (decoded.code.meta.category == ZYDIS_CATEGORY_STRINGOP || out.memory.size == 0)
    out.memory.size = kUnknownSize;
}

// A system call may do anything to memory.
void SetSystemCall(const Decoded& decoded, Instruction& out) {
  if (decoded.code.meta.category != ZYDIS_CATEGORY_SYSCALL &&
      decoded.code.meta.category != ZYDIS_CATEGORY_INTERRUPT)
    return;
  out.writes = static_cast<RegisterSet>(out.writes | kCallerSaved);
  out.writes_memory = true;
  out.memory = {};
}

void SetMov(std::span<const ZydisDecodedOperand> operands, Instruction& out) {
  const ZydisDecodedOperand& to = operands[0];
  const ZydisDecodedOperand& from = operands[1];
  for (const unsigned bits : {64U, 32U}) {
    if (!IsRegister(to, bits) || !IsRegister(from, bits)) continue;
    out.move = Move::kCopy;
    out.width = bits == 64 ? CopyWidth::kFull : CopyWidth::kLow32;
  }
  if (IsRegister(to, 64) && IsMemory(from)) out.move = Move::kLoad;
  if (IsMemory(to) && IsRegister(from, 64)) out.move = Move::kStore;
}

void SetMove(const Decoded& decoded, Instruction& out) {
  const auto operands = decoded.Visible();
  switch (decoded.code.mnemonic) {
    case ZYDIS_MNEMONIC_MOV:
      SetMov(operands, out);
      break;
    case ZYDIS_MNEMONIC_MOVSXD:
      if (!IsRegister(operands[0], 64) || !IsRegister(operands[1], 32)) return;
      out.move = Move::kCopy;
      out.width = CopyWidth::kLow32;
      break;
    case ZYDIS_MNEMONIC_CDQE:
      out.move = Move::kCopy;
      out.width = CopyWidth::kLow32;
      out.to = out.from = kRax;
      return;
    case ZYDIS_MNEMONIC_LEA:
      if (IsRegister(operands[0], 64)) out.move = Move::kAddress;
      break;
    case ZYDIS_MNEMONIC_PUSH:
      if (decoded.code.operand_width == 64) out.move = Move::kPush;
      if (IsRegister(operands[0], 64)) out.from = NumberOf(operands[0].reg.value);
      out.writes_memory = false;
      return;
    case ZYDIS_MNEMONIC_POP:
      if (IsRegister(operands[0], 64)) out.move = Move::kPop;
      break;
    case ZYDIS_MNEMONIC_ADD:
    case ZYDIS_MNEMONIC_SUB:
      if (!IsRegister(operands[0], 64) || operands[1].type != ZYDIS_OPERAND_TYPE_IMMEDIATE) return;
      out.move = Move::kAdd;
      out.amount = decoded.code.mnemonic == ZYDIS_MNEMONIC_ADD ? operands[1].imm.value.s
                                                               : -operands[1].imm.value.s;
      break;
    case ZYDIS_MNEMONIC_LEAVE:
      if (decoded.code.operand_width == 64) out.move = Move::kLeave;
      return;
    default:
      return;
  }
  if (!operands.empty() && operands[0].type == ZYDIS_OPERAND_TYPE_REGISTER)
    out.to = NumberOf(operands[0].reg.value);
  if (operands.size() > 1 && operands[1].type == ZYDIS_OPERAND_TYPE_REGISTER)
    out.from = NumberOf(operands[1].reg.value);
}

// Whether a copy of it, run elsewhere, does the same for certain: it names no memory but what it
// pops, no segment and not where it is itself.
bool IsPlain(const Decoded& decoded, const Instruction& instruction) {
  if (instruction.flow != Flow::kOn) return false;
  if (instruction.move == Move::kPop) return instruction.to != kRsp;
  if (instruction.move == Move::kLeave) return true;
  const auto category = decoded.code.meta.category;
  if (category != ZYDIS_CATEGORY_DATAXFER && category != ZYDIS_CATEGORY_LOGICAL &&
      category != ZYDIS_CATEGORY_BINARY && category != ZYDIS_CATEGORY_CMOV)
    return false;
  return std::ranges::all_of(decoded.Visible(), [](const ZydisDecodedOperand& operand) {
    return operand.type == ZYDIS_OPERAND_TYPE_IMMEDIATE || IsRegister(operand, 64) ||
           IsRegister(operand, 32);
  });
}

void SetTarget(const Decoded& decoded, Instruction& out) {
  const bool direct =
      !decoded.Visible().empty() && decoded.operands[0].type == ZYDIS_OPERAND_TYPE_IMMEDIATE;
  if (out.flow == Flow::kCall) {
    out.writes = kCallerSaved;
    out.writes_memory = true;
    out.memory = {};
  }
  if (out.flow == Flow::kJump || out.flow == Flow::kBranch || (out.flow == Flow::kCall && direct))
    out.target = out.end() + static_cast<std::uint64_t>(decoded.operands[0].imm.value.s);
}

}  // namespace

std::optional<Instruction> DecodeInstruction(std::uint64_t address, Bytes bytes) {
  ZydisDecoder decoder;
  ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
  Decoded decoded;
  if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder, bytes.data(), bytes.size(), &decoded.code,
                                           decoded.operands)))
    return std::nullopt;
  const Bytes code = bytes.first(decoded.code.length);
  const auto flow = FlowOf(decoded, code);
  if (!flow) return std::nullopt;
  Instruction out;
  out.address = address;
  out.length = decoded.code.length;
  out.flow = *flow;
  out.landing_pad = decoded.code.mnemonic == ZYDIS_MNEMONIC_ENDBR64;
  out.emulated = IsEmulated(code);
  out.writes = WrittenBy(decoded);
  SetMemory(decoded, out);
  SetMove(decoded, out);
  SetTarget(decoded, out);
  SetSystemCall(decoded, out);
  out.plain = IsPlain(decoded, out);
  return out;
}

}  // namespace tlscope
