// SPDX-License-Identifier: Apache-2.0
#include "agent/procfs/pid_namespace.h"

#include <sys/stat.h>

#include <fstream>
#include <iterator>
#include <string>

namespace tlscope {
namespace {

// PID_NS_INIT_INO of include/uapi/linux/nsfs.h; PROC_PID_INIT_INO before it was told to userspace.
constexpr ino_t kFirstNamespace = 0xEFFFFFFC;

}  // namespace

std::uint32_t OwnPidNamespace() {
  struct stat status {};
  if (stat("/proc/self/ns/pid", &status) != 0 || status.st_ino == kFirstNamespace) return 0;
  return static_cast<std::uint32_t>(status.st_ino);
}

int NumbersIn(std::string_view status) {
  constexpr std::string_view kName = "\nNSpid:";
  const std::size_t name = status.find(kName);
  if (name == std::string_view::npos) return 0;
  std::string_view numbers = status.substr(name + kName.size());
  numbers = numbers.substr(0, numbers.find('\n'));
  int count = 0;
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const bool begins = i == 0 || numbers[i - 1] == '\t';
    if (begins && numbers[i] != '\t') ++count;
  }
  return count;
}

Result<void> CheckProcIsOwn() {
  std::ifstream file("/proc/self/status");
  const std::string status{std::istreambuf_iterator<char>(file), {}};
  if (NumbersIn(status) <= 1) return {};
  return Fail(Errc::kUsage, 0, "tell which process a number means",
              "/proc is that of another PID namespace than tlscope's: mount one of its own, as "
              "unshare --mount-proc does, or run tlscope outside of the namespace");
}

}  // namespace tlscope
