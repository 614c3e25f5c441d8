// SPDX-License-Identifier: Apache-2.0
#include "agent/procfs/waiting_threads.h"

#include <sys/syscall.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <limits>
#include <string>
#include <system_error>

#include "processor/base/parse_number.h"

namespace tlscope {
namespace {

// What OpenSSL's socket BIO calls, and what else a BIO of a program's own may.
constexpr long kMoves[] = {SYS_read,  SYS_readv,  SYS_recvfrom, SYS_recvmsg,
                           SYS_write, SYS_writev, SYS_sendto,   SYS_sendmsg};

constexpr std::string_view kHex = "0x";

}  // namespace

std::optional<std::int32_t> WaitedOnIn(std::string_view syscall) {
  long number = 0;
  const char* const end = syscall.data() + syscall.size();
  const auto call = std::from_chars(syscall.data(), end, number);
  if (call.ec != std::errc() || std::ranges::find(kMoves, number) == std::end(kMoves))
    return std::nullopt;
  const std::string_view rest = syscall.substr(call.ptr - syscall.data());
  if (!rest.starts_with(" ") || !rest.substr(1).starts_with(kHex)) return std::nullopt;
  std::uint64_t fd = 0;
  const auto argument = std::from_chars(rest.data() + 1 + kHex.size(), end, fd, 16);
  // Only the lower half of the register is the descriptor.
  const auto descriptor = static_cast<std::uint32_t>(fd);
  if (argument.ec != std::errc() || descriptor > std::numeric_limits<std::int32_t>::max())
    return std::nullopt;
  return static_cast<std::int32_t>(descriptor);
}

std::vector<WaitingThread> WaitingThreadsOf(std::uint32_t pid) {
  std::vector<WaitingThread> found;
  const std::filesystem::path tasks = "/proc/" + std::to_string(pid) + "/task";
  std::error_code gone;
  for (std::filesystem::directory_iterator task(tasks, gone), end; !gone && task != end;
       task.increment(gone)) {
    const auto tid = ParseNumber<std::uint32_t>(task->path().filename().native());
    std::string line;
    if (!tid || !std::getline(std::ifstream(task->path() / "syscall"), line)) continue;
    if (const auto fd = WaitedOnIn(line)) found.push_back({*tid, *fd});
  }
  return found;
}

}  // namespace tlscope
