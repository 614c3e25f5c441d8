// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "agent/code/code_point.h"

namespace tlscope {

/// A register by its number.
inline std::uint64_t RegisterOf(const user_regs_struct& registers, unsigned number) {
  const unsigned long long all[] = {registers.rax, registers.rcx, registers.rdx, registers.rbx,
                                    registers.rsp, registers.rbp, registers.rsi, registers.rdi,
                                    registers.r8,  registers.r9,  registers.r10, registers.r11,
                                    registers.r12, registers.r13, registers.r14, registers.r15};
  return all[number];
}

/// What is known of a call at a probed instruction, read as the programs in the kernel read it.
struct Sighting {
  std::uint64_t address;
  std::uint64_t stack_at_entry;
  std::uint64_t result;
  std::optional<std::uint64_t> object;
  std::optional<std::uint64_t> moved;
  std::uint64_t moved_bytes;  ///< what the pointer that the caller passed leads to
};

/// One call, from its first instruction to the one behind it.
struct ObservedCall {
  user_regs_struct at_entry{};
  user_regs_struct at_return{};
  std::uint64_t moved_bytes = 0;  ///< at the return
  std::vector<Sighting> entries;
  std::vector<Sighting> exits;
  bool returned = false;
};

/// Runs code in another process, one instruction at a time.
class SingleSteps {
 public:
  /// What to look for in calls of the function at `start`, all addresses as this process has them.
  struct Watch {
    std::uint64_t start;
    std::vector<CodePoint> entries;
    std::vector<CodePoint> exits;
    unsigned moved_register;  ///< in which the caller passes the pointer, by number
  };

  /// The first call of the watched function that `run` makes, in a copy of this process.
  static ObservedCall Observe(const Watch& watch, const std::function<void()>& run) {
    const pid_t child = fork();
    if (child == 0) {
      ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
      raise(SIGSTOP);
      run();
      _exit(0);
    }
    ObservedCall call = SingleSteps(child, watch).Run();
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    return call;
  }

 private:
  SingleSteps(pid_t child, const Watch& watch) : child_(child), watch_(watch) {}

  ObservedCall Run() {
    ObservedCall call;
    user_regs_struct registers{};
    bool inside = false;
    std::uint64_t behind = 0;
    int status = 0;
    waitpid(child_, &status, 0);  // its own stop
    while (Step(registers)) {
      if (!inside && registers.rip == watch_.start) {
        inside = true;
        call.at_entry = registers;
        behind = Peek(registers.rsp);
      }
      if (!inside) continue;
      if (registers.rip == behind && registers.rsp == call.at_entry.rsp + 8) {
        call.at_return = registers;
        call.moved_bytes = Peek(RegisterOf(call.at_entry, watch_.moved_register));
        call.returned = true;
        return call;
      }
      Look(watch_.entries, registers, call, call.entries);
      Look(watch_.exits, registers, call, call.exits);
    }
    return call;
  }

  bool Step(user_regs_struct& registers) const {
    int status = 0;
    if (ptrace(PTRACE_SINGLESTEP, child_, nullptr, nullptr) != 0) return false;
    if (waitpid(child_, &status, 0) != child_ || !WIFSTOPPED(status)) return false;
    if (WSTOPSIG(status) != SIGTRAP) return false;
    return ptrace(PTRACE_GETREGS, child_, nullptr, &registers) == 0;
  }

  std::uint64_t Peek(std::uint64_t address) const {
    errno = 0;
    const long word = ptrace(PTRACE_PEEKDATA, child_, address, nullptr);
    return errno == 0 ? static_cast<std::uint64_t>(word) : 0;
  }

  void Look(const std::vector<CodePoint>& points, const user_regs_struct& registers,
            const ObservedCall& call, std::vector<Sighting>& sightings) const {
    for (const CodePoint& point : points) {
      if (point.address != registers.rip) continue;
      const std::uint64_t start =
          registers.rsp + static_cast<std::uint64_t>(std::int64_t{point.point.frame});
      sightings.push_back({registers.rip, start,
                           ValueOf(point.point.result, registers, start).value_or(0),
                           ValueOf(point.point.object, registers, start),
                           ValueOf(point.point.moved, registers, start),
                           Peek(RegisterOf(call.at_entry, watch_.moved_register))});
    }
  }

  std::optional<std::uint64_t> ValueOf(const tlscope_place& place,
                                       const user_regs_struct& registers,
                                       std::uint64_t start) const {
    const std::uint64_t at = start + static_cast<std::uint64_t>(std::int64_t{place.at});
    switch (place.kind) {
      case TLSCOPE_PLACE_REGISTER:
        return RegisterOf(registers, place.reg);
      case TLSCOPE_PLACE_STACK:
        return Peek(at);
      case TLSCOPE_PLACE_STACK_ADDRESS:
        return at;
      default:
        return std::nullopt;
    }
  }

  const pid_t child_;
  const Watch& watch_;
};

}  // namespace tlscope
