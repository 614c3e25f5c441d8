// SPDX-License-Identifier: Apache-2.0
#include "agent/probes/attach_strategy.h"

#include <array>

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

}  // namespace

std::span<const StrategyInfo> AllStrategies() { return kStrategies; }

}  // namespace tlscope
