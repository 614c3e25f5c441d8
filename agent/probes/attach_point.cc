// SPDX-License-Identifier: Apache-2.0
#include "agent/probes/attach_point.h"

#include <Zydis/Zydis.h>

#include <initializer_list>

namespace tlscope {
namespace {

struct Instruction {
  ZydisDecodedInstruction code;
  ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
};

bool DecodeAt(std::span<const std::uint8_t> bytes, Instruction& out) {
  ZydisDecoder decoder;
  ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
  return ZYAN_SUCCESS(
      ZydisDecoderDecodeFull(&decoder, bytes.data(), bytes.size(), &out.code, out.operands));
}

bool Writes(const Instruction& instruction, ZydisRegister wanted) {
  for (unsigned i = 0; i < instruction.code.operand_count; ++i) {
    const ZydisDecodedOperand& operand = instruction.operands[i];
    if (operand.type != ZYDIS_OPERAND_TYPE_REGISTER) continue;
    if ((operand.actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) == 0) continue;
    if (ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, operand.reg.value) == wanted)
      return true;
  }
  return false;
}

// Where the first direct call goes, if the code before it runs straight to it (a jump over an error
// path apart) and writes none of `untouched`.
std::optional<std::uint64_t> FirstCall(const FunctionCode& function,
                                       std::initializer_list<ZydisRegister> untouched) {
  std::size_t at = 0;
  Instruction instruction;
  while (at < function.bytes.size() && DecodeAt(function.bytes.subspan(at), instruction)) {
    const ZydisInstructionCategory category = instruction.code.meta.category;
    if (category == ZYDIS_CATEGORY_CALL) {
      if (instruction.operands[0].type != ZYDIS_OPERAND_TYPE_IMMEDIATE) return std::nullopt;
      const std::uint64_t next = function.offset + at + instruction.code.length;
      return next + static_cast<std::uint64_t>(instruction.operands[0].imm.value.s);
    }
    if (category == ZYDIS_CATEGORY_RET || category == ZYDIS_CATEGORY_UNCOND_BR) return std::nullopt;
    for (const ZydisRegister argument : untouched) {
      if (Writes(instruction, argument)) return std::nullopt;
    }
    at += instruction.code.length;
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::uint64_t> FindInnerFunction(const FunctionCode& plain, const FunctionCode& ex) {
  const auto from_ex = FirstCall(
      ex, {ZYDIS_REGISTER_RDI, ZYDIS_REGISTER_RSI, ZYDIS_REGISTER_RDX, ZYDIS_REGISTER_RCX});
  // The plain function widens num and points rcx at a local: those two it has to write.
  const auto from_plain = FirstCall(plain, {ZYDIS_REGISTER_RDI, ZYDIS_REGISTER_RSI});
  if (!from_ex || from_ex != from_plain) return std::nullopt;
  return from_ex;
}

bool IsEmulated(std::span<const std::uint8_t> code) {
  Instruction instruction;
  if (!DecodeAt(code, instruction)) return false;
  switch (instruction.code.meta.category) {
    case ZYDIS_CATEGORY_PUSH:
      return instruction.code.operand_count_visible == 1 &&
             instruction.operands[0].type == ZYDIS_OPERAND_TYPE_REGISTER &&
             instruction.code.length <= 2;
    case ZYDIS_CATEGORY_NOP:
      return instruction.code.length == 1;  // the longer ones only from 6.18 on
    case ZYDIS_CATEGORY_COND_BR:
    case ZYDIS_CATEGORY_UNCOND_BR:
    case ZYDIS_CATEGORY_CALL:
      return instruction.operands[0].type == ZYDIS_OPERAND_TYPE_IMMEDIATE;
    default:
      return false;
  }
}

std::uint64_t CheapEntry(std::span<const std::uint8_t> code) {
  Instruction instruction;
  if (IsEmulated(code) || !DecodeAt(code, instruction)) return 0;
  if (instruction.code.mnemonic != ZYDIS_MNEMONIC_ENDBR64) return 0;
  const std::uint64_t length = instruction.code.length;
  return IsEmulated(code.subspan(length)) ? length : 0;
}

}  // namespace tlscope
