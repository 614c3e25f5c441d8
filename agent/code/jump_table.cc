// SPDX-License-Identifier: Apache-2.0
#include "agent/code/jump_table.h"

#include <Zydis/Zydis.h>

#include <cstring>
#include <optional>
#include <utility>

#include "agent/code/instruction.h"

namespace tlscope {
namespace {

constexpr std::uint64_t kMaxEntries = 1024;

struct TableInstruction {
  std::uint64_t address = 0;
  ZydisDecodedInstruction code{};
  ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT]{};

  std::uint64_t end() const { return address + code.length; }
  ZydisMnemonic mnemonic() const { return code.mnemonic; }

  /// Whether it writes one of the flags that `ja` looks at.
  bool ChangesComparison() const {
    if (code.cpu_flags == nullptr) return false;
    const auto& flags = *code.cpu_flags;
    const auto written = flags.modified | flags.set_0 | flags.set_1 | flags.undefined;
    return (written & (ZYDIS_CPUFLAG_CF | ZYDIS_CPUFLAG_ZF)) != 0;
  }
};

ZydisRegister Whole(ZydisRegister name) {
  return ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, name);
}

bool IsRegister(const ZydisDecodedOperand& operand) {
  return operand.type == ZYDIS_OPERAND_TYPE_REGISTER;
}

bool Writes(const TableInstruction& decoded, ZydisRegister wanted) {
  for (unsigned i = 0; i < decoded.code.operand_count; ++i) {
    const ZydisDecodedOperand& operand = decoded.operands[i];
    if (IsRegister(operand) && (operand.actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) != 0 &&
        Whole(operand.reg.value) == wanted)
      return true;
  }
  return false;
}

/// Goes back from a jump to what its target is made of.
class Backward {
 public:
  /// False: it is made of something else.
  bool Step(const TableInstruction& decoded) {
    if (count_) return true;
    if (loaded_ == ZYDIS_REGISTER_NONE && index_ == ZYDIS_REGISTER_NONE) return AtJump(decoded);
    if (index_ == ZYDIS_REGISTER_NONE) return AtLoad(decoded);
    if (IsTableAddress(decoded)) return true;
    return AtIndex(decoded);
  }

  bool complete() const { return count_ && table_; }
  bool of_distances() const { return of_distances_; }
  std::uint64_t table() const { return *table_; }
  std::uint64_t count() const { return *count_; }

 private:
  bool AtJump(const TableInstruction& decoded) {
    const ZydisDecodedOperand& target = decoded.operands[0];
    if (target.type == ZYDIS_OPERAND_TYPE_MEMORY) return TakeAddressTable(target);
    if (!IsRegister(target)) return false;
    loaded_ = target.reg.value;
    return true;
  }

  bool TakeAddressTable(const ZydisDecodedOperand& from) {
    if (from.mem.base != ZYDIS_REGISTER_NONE || from.mem.index == ZYDIS_REGISTER_NONE ||
        from.mem.scale != 8 || from.mem.disp.value < 0)
      return false;
    of_distances_ = false;
    table_ = static_cast<std::uint64_t>(from.mem.disp.value);
    index_ = from.mem.index;
    return true;
  }

  bool AtLoad(const TableInstruction& decoded) {
    const auto& operands = decoded.operands;
    if (scaled_ != ZYDIS_REGISTER_NONE) return AtScaling(decoded);
    if (IsTableAddress(decoded)) return true;
    const bool of_both = base_ != ZYDIS_REGISTER_NONE;
    if (of_both && table_ && loaded_ == ZYDIS_REGISTER_RAX) {
      if (decoded.mnemonic() == ZYDIS_MNEMONIC_CDQE) return extended_ = true;
      if (extended_ && decoded.mnemonic() == ZYDIS_MNEMONIC_MOV) return TakePlainLoad(decoded);
    }
    if (!Writes(decoded, loaded_) && !(of_both && Writes(decoded, base_))) return true;
    if (!of_both && decoded.mnemonic() == ZYDIS_MNEMONIC_ADD && IsRegister(operands[1])) {
      base_ = operands[1].reg.value;
      return true;
    }
    if (!of_both && decoded.mnemonic() == ZYDIS_MNEMONIC_MOV &&
        operands[1].type == ZYDIS_OPERAND_TYPE_MEMORY)
      return TakeAddressTable(operands[1]);
    if (!of_both || decoded.mnemonic() != ZYDIS_MNEMONIC_MOVSXD) return false;
    return TakeDistanceTable(operands[0].reg.value, operands[1]);
  }

  // Which of the two summands is the table and which is the distance, the load tells.
  bool TakeDistanceTable(ZydisRegister to, const ZydisDecodedOperand& from) {
    if (to == base_) std::swap(base_, loaded_);
    if (from.type != ZYDIS_OPERAND_TYPE_MEMORY || from.mem.base != base_ || from.mem.scale != 4 ||
        from.mem.disp.value != 0 || from.mem.index == ZYDIS_REGISTER_NONE)
      return false;
    index_ = from.mem.index;
    return true;
  }

  // Without optimisation GCC loads and extends a distance in two steps, from the sum of the table's
  // address, which it names once more, and of the index times four.
  bool TakePlainLoad(const TableInstruction& decoded) {
    const ZydisDecodedOperand& to = decoded.operands[0];
    const ZydisDecodedOperand& from = decoded.operands[1];
    if (!IsRegister(to) || to.reg.value != ZYDIS_REGISTER_EAX ||
        from.type != ZYDIS_OPERAND_TYPE_MEMORY || from.mem.index == ZYDIS_REGISTER_NONE ||
        from.mem.scale != 1 || from.mem.disp.value != 0)
      return false;
    scaled_ = from.mem.base;
    named_again_ = from.mem.index;
    return true;
  }

  bool AtScaling(const TableInstruction& decoded) {
    const ZydisRegister named = named_again_;
    if (named != ZYDIS_REGISTER_NONE && Writes(decoded, named)) {
      named_again_ = ZYDIS_REGISTER_NONE;
      return decoded.mnemonic() == ZYDIS_MNEMONIC_LEA && RelativeAddress(decoded) == table_;
    }
    if (!Writes(decoded, scaled_)) return true;
    const auto& from = decoded.operands[1].mem;
    if (named != ZYDIS_REGISTER_NONE || decoded.mnemonic() != ZYDIS_MNEMONIC_LEA ||
        from.base != ZYDIS_REGISTER_NONE || from.scale != 4 || from.disp.value != 0)
      return false;
    index_ = from.index;
    return true;
  }

  static std::optional<std::uint64_t> RelativeAddress(const TableInstruction& lea) {
    const auto& from = lea.operands[1].mem;
    if (from.base != ZYDIS_REGISTER_RIP) return std::nullopt;
    return lea.end() + static_cast<std::uint64_t>(from.disp.value);
  }

  bool IsTableAddress(const TableInstruction& decoded) {
    if (!of_distances_ || table_ || decoded.mnemonic() != ZYDIS_MNEMONIC_LEA) return false;
    const ZydisRegister to = decoded.operands[0].reg.value;
    if (to != base_ && (index_ != ZYDIS_REGISTER_NONE || to != loaded_)) return false;
    table_ = RelativeAddress(decoded);
    return table_.has_value();
  }

  bool AtIndex(const TableInstruction& decoded) {
    const auto& operands = decoded.operands;
    if (decoded.mnemonic() == ZYDIS_MNEMONIC_JNBE) {
      bounded_ = true;
      return true;
    }
    if (bounded_ && decoded.ChangesComparison()) {
      // What the jump away looks at has to be this index.
      if (decoded.mnemonic() != ZYDIS_MNEMONIC_CMP || !IsRegister(operands[0]) ||
          Whole(operands[0].reg.value) != index_ ||
          operands[1].type != ZYDIS_OPERAND_TYPE_IMMEDIATE)
        return false;
      count_ = operands[1].imm.value.u + 1;
      return *count_ > 0 && *count_ <= kMaxEntries;
    }
    if (!Writes(decoded, index_)) return true;
    const bool copy =
        decoded.mnemonic() == ZYDIS_MNEMONIC_MOV || decoded.mnemonic() == ZYDIS_MNEMONIC_MOVZX;
    if (!copy || !IsRegister(operands[1])) return false;
    index_ = Whole(operands[1].reg.value);
    return true;
  }

  ZydisRegister loaded_ = ZYDIS_REGISTER_NONE;  // what is jumped to, or a summand of it
  ZydisRegister base_ = ZYDIS_REGISTER_NONE;    // the other summand
  ZydisRegister index_ = ZYDIS_REGISTER_NONE;
  ZydisRegister scaled_ = ZYDIS_REGISTER_NONE;       // the index times four
  ZydisRegister named_again_ = ZYDIS_REGISTER_NONE;  // the table, where it is loaded from
  bool of_distances_ = true;
  bool extended_ = false;  // to 64 bits, behind the load
  bool bounded_ = false;   // a jump away with a larger index was seen
  std::optional<std::uint64_t> table_;
  std::optional<std::uint64_t> count_;
};

std::optional<TableInstruction> DecodeAt(const CodeSource& source, std::uint64_t address) {
  std::uint8_t bytes[kMaxInstructionBytes];
  const std::size_t size = source.ReadCode(address, bytes);
  ZydisDecoder decoder;
  ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
  TableInstruction decoded;
  decoded.address = address;
  if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder, bytes, size, &decoded.code, decoded.operands)))
    return std::nullopt;
  return decoded;
}

template <class T>
std::optional<T> ReadEntry(const CodeSource& source, std::uint64_t address) {
  std::uint8_t bytes[sizeof(T)];
  if (!source.ReadConstants(address, bytes)) return std::nullopt;
  T value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

std::optional<std::uint64_t> Entry(const CodeSource& source, const Backward& found,
                                   std::uint64_t index) {
  if (!found.of_distances())
    return ReadEntry<std::uint64_t>(source, found.table() + index * sizeof(std::uint64_t));
  const auto distance =
      ReadEntry<std::int32_t>(source, found.table() + index * sizeof(std::int32_t));
  if (!distance) return std::nullopt;
  return found.table() + static_cast<std::uint64_t>(std::int64_t{*distance});
}

}  // namespace

std::vector<std::uint64_t> ReadJumpTable(const CodeSource& source,
                                         std::span<const std::uint64_t> addresses,
                                         std::size_t& entries_left) {
  Backward found;
  for (std::size_t i = addresses.size(); i > 0 && !found.complete(); --i) {
    const auto decoded = DecodeAt(source, addresses[i - 1]);
    if (!decoded || !found.Step(*decoded)) return {};
  }
  std::vector<std::uint64_t> targets;
  if (!found.complete() || found.count() > entries_left) return {};
  entries_left -= found.count();
  for (std::uint64_t i = 0; i < found.count(); ++i) {
    const auto target = Entry(source, found, i);
    if (!target) return {};
    targets.push_back(*target);
  }
  return targets;
}

}  // namespace tlscope
