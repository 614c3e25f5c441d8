// SPDX-License-Identifier: Apache-2.0
#include "agent/library_attacher.h"

#include <sys/stat.h>

#include <cerrno>

#include "agent/library_finder.h"

namespace tlscope {

Result<void> LibraryAttacher::Attach(const std::string& path) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) return Fail(Errc::kSystem, errno, "find " + path);
  if (!known_.emplace(status.st_dev, status.st_ino).second) return {};
  Result<void> result = probes_.AttachLibrary(path);
  if (result) {
    ++attached_;
    bus_.Publish(Topic::kLibraryAttached, LibraryEvent{path, {}});
  } else if (result.error().code != Errc::kNotFound) {  // others' libraries have such names too
    bus_.Publish(Topic::kLibraryFailed, LibraryEvent{path, result.error().Describe()});
  }
  return result;
}

void LibraryAttacher::AttachAll() {
  for (const std::string& path : FindLibraries()) static_cast<void>(Attach(path));
}

void LibraryAttacher::OnMapping(const NewMapping& mapping) {
  if (!LooksLikeLibssl(mapping.path)) return;
  // The process may be gone already, and its root with it: then the file is looked for as this
  // process sees it.
  for (const std::string& path : PathsToMappedFile(mapping.pid, mapping.path)) {
    if (Attach(path)) return;
  }
}

}  // namespace tlscope
