// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <span>

#include "processor/base/result.h"

namespace tlscope {

/// Where in the kernel the socket calls of a thread are seen, which name the socket of the SSL call
/// they are made in. The cheapest first.
enum class AttachStrategy : std::uint8_t {
  kAuto,     ///< the first of the following that the kernel takes
  kTpBtf,    ///< the tracepoints sock_send_length and sock_recv_length
  kFentry,   ///< BPF trampolines at tcp_sendmsg and tcp_recvmsg
  kKprobe,   ///< kernel probes at the same functions
  kSyscall,  ///< the end of every system call
};

/// One strategy: its programs, and what the kernel must have for them.
struct StrategyInfo {
  AttachStrategy strategy;
  const char* name;
  std::span<const char* const> programs;
  const char* needs;
};

/// All of them, in the order in which they are tried; kAuto is not among them.
std::span<const StrategyInfo> AllStrategies();

/// A kernel, as far as strategies go: sets one up, or says why it does not take it. nullptr stands
/// for none of them, where sockets are only those that SSL_set_fd names.
using StrategyTrial = std::function<Result<void>(const StrategyInfo*)>;

/// Has the kernel set up the strategy that is wanted, or with kAuto the first that it takes, be it
/// nullptr. The one returned was tried last. Fails with kUsage as soon as a trial does, since no
/// kernel is to blame; else with kUnsupported, which says what the one wanted takes and which would
/// do, or with what the kernel has against nullptr.
Result<const StrategyInfo*> ChooseStrategy(AttachStrategy wanted, const StrategyTrial& trial);

}  // namespace tlscope
