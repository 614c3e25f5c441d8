// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "processor/collector/storage/storage.h"
#include "processor/sinks/fd_writer.h"

namespace tlscope {

/// A descriptor, such as standard output: what was written to it counts as kept.
class FdStorage final : public Storage {
 public:
  /// Told why it cannot be written, each once: `over` false, not now (a full disk); true, never
  /// again (the reader is gone).
  using OnFailure = std::function<void(int error_number, bool over)>;

  /// `fd` is borrowed; `start` is written first.
  static Result<std::unique_ptr<FdStorage>> Open(int fd, std::string start, OnFailure on_failure);

  std::string name() const override { return "standard output"; }
  std::optional<std::uint64_t> Prepare(std::size_t block_bytes) override;
  StoreOutcome Write(std::string_view bytes) override;
  StoreOutcome Keep(const StreamPositions& positions) override;
  void Close() override {}

 private:
  FdStorage(FdWriter writer, std::string start, OnFailure on_failure)
      : writer_(std::move(writer)), start_(std::move(start)), on_failure_(std::move(on_failure)) {}
  StoreOutcome WriteFrom(std::string_view bytes, std::size_t& written);
  StoreOutcome Failed(int error_number);

  FdWriter writer_;
  std::string start_;
  std::size_t start_written_ = 0;
  std::size_t written_ = 0;  // of what Write was given
  const OnFailure on_failure_;
  bool full_ = false;  // on_failure_ was told
  bool over_ = false;
};

}  // namespace tlscope
