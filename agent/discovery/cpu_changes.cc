// SPDX-License-Identifier: Apache-2.0
#include "agent/discovery/cpu_changes.h"

#include <linux/netlink.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <charconv>

namespace tlscope {
namespace {

constexpr unsigned kKernelGroup = 1;  // 2 is udev's (lib/kobject_uevent.c)

}  // namespace

std::optional<int> CpuOf(std::string_view message) {
  message = message.substr(0, message.find('\0'));
  const std::string_view action = message.substr(0, message.find('@'));
  if (action != "online" && action != "offline") return std::nullopt;
  constexpr std::string_view kPath = "@/devices/system/cpu/cpu";
  message.remove_prefix(action.size());
  if (!message.starts_with(kPath)) return std::nullopt;
  message.remove_prefix(kPath.size());
  int cpu = 0;
  const char* const end = message.data() + message.size();
  const auto parsed = std::from_chars(message.data(), end, cpu);
  if (parsed.ec != std::errc() || parsed.ptr != end) return std::nullopt;
  return cpu;
}

CpuChanges::CpuChanges()
    : socket_(
          socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT)) {
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  kernel.nl_groups = kKernelGroup;
  if (bind(socket_.get(), reinterpret_cast<const sockaddr*>(&kernel), sizeof kernel) != 0)
    socket_ = UniqueFd();
}

std::optional<std::vector<int>> CpuChanges::Take() {
  std::vector<int> cpus;
  std::array<char, 4096> message;
  sockaddr_nl from{};
  socklen_t from_size = sizeof from;
  while (true) {
    const ssize_t got = recvfrom(socket_.get(), message.data(), message.size(), 0,
                                 reinterpret_cast<sockaddr*>(&from), &from_size);
    if (got < 0 && errno == ENOBUFS) return std::nullopt;
    if (got < 0) return cpus;
    if (from.nl_pid != 0) continue;  // not the kernel's
    if (const auto cpu = CpuOf({message.data(), static_cast<std::size_t>(got)}))
      cpus.push_back(*cpu);
  }
}

}  // namespace tlscope
