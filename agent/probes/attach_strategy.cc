// SPDX-License-Identifier: Apache-2.0
#include "agent/probes/attach_strategy.h"

#include <array>
#include <string>

namespace tlscope {
namespace {

constexpr std::array kTpBtfPrograms{"sock_send", "sock_recv"};
constexpr std::array kFentryPrograms{"tcp_send_fentry", "tcp_recv_fexit"};
constexpr std::array kKprobePrograms{"tcp_send_kprobe", "tcp_recv_kprobe", "tcp_recv_kret"};
constexpr std::array kSyscallPrograms{"syscall_exit"};

constexpr std::array<StrategyInfo, 4> kStrategies{{
    {AttachStrategy::kTpBtf, "tp_btf", kTpBtfPrograms,
     "the tracepoints sock_send_length and sock_recv_length (Linux 6.3)"},
    {AttachStrategy::kFentry, "fentry", kFentryPrograms,
     "BPF trampolines at tcp_sendmsg and tcp_recvmsg (CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS)"},
    {AttachStrategy::kKprobe, "kprobe", kKprobePrograms,
     "kernel probes at tcp_sendmsg and tcp_recvmsg (CONFIG_KPROBES)"},
    {AttachStrategy::kSyscall, "syscall", kSyscallPrograms,
     "the tracepoint sys_exit (CONFIG_HAVE_SYSCALL_TRACEPOINTS)"},
}};

// What the strategy lacks, and which would do instead; or what keeps the programs out altogether.
Error WhyNot(const StrategyInfo& wanted, const Error& error, const StrategyTrial& trial) {
  std::string others;
  for (const StrategyInfo& other : kStrategies) {
    if (other.strategy == wanted.strategy || !trial(&other)) continue;
    others += (others.empty() ? "" : ", ") + std::string(other.name);
  }
  if (others.empty()) {
    if (const auto none = trial(nullptr); !none) return none.error();
  }
  return {Errc::kUnsupported, error.error_number,
          std::string("find sockets by ") + wanted.name + ", which takes " + wanted.needs,
          "--attach-strategy auto" + (others.empty() ? "" : ", or one of " + others) +
              " would do on this kernel"};
}

}  // namespace

std::span<const StrategyInfo> AllStrategies() { return kStrategies; }

Result<const StrategyInfo*> ChooseStrategy(AttachStrategy wanted, const StrategyTrial& trial) {
  for (const StrategyInfo& strategy : kStrategies) {
    const bool asked_for = wanted == strategy.strategy;
    if (!asked_for && wanted != AttachStrategy::kAuto) continue;
    const auto taken = trial(&strategy);
    if (taken) return &strategy;
    if (taken.error().code == Errc::kUsage) return tl::make_unexpected(taken.error());
    if (asked_for) return tl::make_unexpected(WhyNot(strategy, taken.error(), trial));
  }
  TLSCOPE_TRY(trial(nullptr));
  return nullptr;
}

}  // namespace tlscope
