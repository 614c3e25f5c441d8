// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <set>
#include <string>
#include <utility>

#include "agent/mapping_watcher.h"
#include "agent/probe_session.h"
#include "processor/event_bus.h"

namespace tlscope {

/// Attaches to each libssl once, however many names and mount namespaces show it: a uprobe sits on
/// an inode and serves every process that maps it. Says on the bus what came of it.
class LibraryAttacher {
 public:
  /// Both are borrowed and outlive this object.
  LibraryAttacher(ProbeSession& probes, const EventBus& bus) : probes_(probes), bus_(bus) {}

  /// Attaches to the file at `path`, unless that was done or tried before. kNotFound, which the bus
  /// is not told of: it is no OpenSSL library.
  Result<void> Attach(const std::string& path);

  /// Attaches to every libssl that is mapped or installed now.
  void AttachAll();

  /// Attaches to the file a process has just mapped, if it may be a libssl.
  void OnMapping(const NewMapping& mapping);

  std::size_t attached() const { return attached_; }

 private:
  ProbeSession& probes_;
  const EventBus& bus_;
  std::set<std::pair<dev_t, ino_t>> known_;
  std::size_t attached_ = 0;
};

}  // namespace tlscope
