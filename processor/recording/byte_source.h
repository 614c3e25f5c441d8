// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <poll.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "processor/base/result.h"
#include "processor/base/unique_fd.h"

namespace tlscope {

/// Where bytes come from, in order. One thread.
class ByteSource {
 public:
  virtual ~ByteSource() = default;

  /// Waits for the next bytes: 1 to room.size() of them (room not empty), or 0 at the end.
  /// error_number ECANCELED: told to stop meanwhile. After a failure there are no more.
  virtual Result<std::size_t> Read(std::span<char> room) = 0;

  /// Whether it was told to stop: Read would fail so.
  virtual bool Stopped() const { return false; }
};

/// A file, a pipe or whatever else can be read.
class FdSource final : public ByteSource {
 public:
  /// `path`: "-" is standard input. `interrupt_fds` are borrowed: when one is readable, waiting
  /// ends.
  static Result<std::unique_ptr<FdSource>> Open(const std::string& path,
                                                std::vector<int> interrupt_fds = {});

  Result<std::size_t> Read(std::span<char> room) override;
  bool Stopped() const override;

  /// For people: the path, or "standard input".
  const std::string& name() const { return name_; }
  /// Bytes that were read.
  std::uint64_t position() const { return position_; }
  /// Whether `path` is the regular file that is read.
  bool Is(const std::string& path) const;
  /// Of a regular file, as it was when it was opened.
  std::optional<std::uint64_t> size() const { return size_; }

 private:
  FdSource(std::string name, int fd, UniqueFd owned, std::vector<int> interrupt_fds);
  bool Await() const;
  std::vector<pollfd> Interrupts() const;

  const std::string name_;
  const int fd_;
  const UniqueFd owned_;
  const std::vector<int> interrupt_fds_;
  std::optional<std::uint64_t> size_;
  std::uint64_t position_ = 0;
};

/// What another source holds, decompressed if it begins as zstd does (RFC 8878), in any number of
/// frames; otherwise as it is. Needs up to 8 MiB of memory for zstd, whatever the bytes say.
class MaybeZstdSource final : public ByteSource {
 public:
  /// `from` is borrowed and outlives it.
  explicit MaybeZstdSource(ByteSource& from);
  ~MaybeZstdSource() override;
  MaybeZstdSource(const MaybeZstdSource&) = delete;
  MaybeZstdSource& operator=(const MaybeZstdSource&) = delete;

  /// Fails with kInvalidRecord where the compressed bytes are cut or corrupt, naming the place.
  Result<std::size_t> Read(std::span<char> room) override;

  /// After the first Read.
  bool compressed() const { return decoder_ != nullptr; }

 private:
  class Decoder;

  Result<void> Begin();
  Result<bool> Refill();

  ByteSource& from_;
  bool begun_ = false;
  std::vector<char> input_;
  std::size_t begin_ = 0;  // of what was not handed out or decompressed
  std::size_t end_ = 0;
  std::uint64_t taken_ = 0;  // bytes of from_ before input_[0]
  bool in_frame_ = false;
  std::unique_ptr<Decoder> decoder_;  // null: not compressed
};

}  // namespace tlscope
