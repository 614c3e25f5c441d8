// SPDX-License-Identifier: Apache-2.0
#include "processor/recording/byte_source.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <new>
#include <string_view>
#include <utility>

namespace tlscope {
namespace {

constexpr std::size_t kInputBytes = 128U << 10;

// RFC 8878 3.1.1.1.2: decoders are recommended to support windows of 8 MB. Of tlscope's own frames
// none is larger than 2 MiB.
constexpr int kMaxWindowLog = 23;

// RFC 8878 3.1.1 and 3.1.2: what a frame begins with, and a skippable one but for four bits.
constexpr std::uint32_t kFrameMagic = 0xfd2fb528;
constexpr std::uint32_t kSkippableMagic = 0x184d2a50;

bool BeginsAsZstd(std::string_view bytes) {
  if (bytes.size() < 4) return false;
  std::uint32_t magic = 0;
  for (std::size_t i = 4; i-- > 0;) magic = magic << 8 | static_cast<std::uint8_t>(bytes[i]);
  return magic == kFrameMagic || (magic & ~0xfU) == kSkippableMagic;
}

}  // namespace

Result<std::unique_ptr<FdSource>> FdSource::Open(const std::string& path,
                                                 std::vector<int> interrupt_fds) {
  if (path == "-") {
    return std::unique_ptr<FdSource>(
        new FdSource("standard input", STDIN_FILENO, UniqueFd(), std::move(interrupt_fds)));
  }
  // O_NONBLOCK: opening a pipe that nobody writes to would wait where nothing can interrupt it.
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY));
  if (!fd) {
    const int error = errno;
    return Fail(error == ENOENT ? Errc::kNotFound : Errc::kSystem, error, "open " + path);
  }
  const int number = fd.get();
  std::unique_ptr<FdSource> source(
      new FdSource(path, number, std::move(fd), std::move(interrupt_fds)));
  struct stat status {};
  if (fstat(number, &status) == 0 && S_ISDIR(status.st_mode))
    return Fail(Errc::kSystem, EISDIR, "read " + path, "name a recording");
  return source;
}

FdSource::FdSource(std::string name, int fd, UniqueFd owned, std::vector<int> interrupt_fds)
    : name_(std::move(name)),
      fd_(fd),
      owned_(std::move(owned)),
      interrupt_fds_(std::move(interrupt_fds)) {
  struct stat status {};
  if (fstat(fd_, &status) == 0 && S_ISREG(status.st_mode))
    size_ = static_cast<std::uint64_t>(status.st_size);
}

bool FdSource::Is(const std::string& path) const {
  struct stat ours {};
  struct stat other {};
  return fstat(fd_, &ours) == 0 && S_ISREG(ours.st_mode) && stat(path.c_str(), &other) == 0 &&
         ours.st_dev == other.st_dev && ours.st_ino == other.st_ino;
}

std::vector<pollfd> FdSource::Interrupts() const {
  std::vector<pollfd> fds;
  for (const int fd : interrupt_fds_) fds.push_back({fd, POLLIN, 0});
  return fds;
}

bool FdSource::Stopped() const {
  std::vector<pollfd> fds = Interrupts();
  return poll(fds.data(), fds.size(), 0) > 0;
}

/// False when it was interrupted.
bool FdSource::Await() const {
  std::vector<pollfd> fds = Interrupts();
  fds.push_back({fd_, POLLIN, 0});
  while (poll(fds.data(), fds.size(), -1) < 0 && errno == EINTR) {
  }
  return std::none_of(fds.begin(), fds.end() - 1,
                      [](const pollfd& interrupt) { return interrupt.revents != 0; });
}

Result<std::size_t> FdSource::Read(std::span<char> room) {
  for (;;) {
    if (!Await()) return Fail(Errc::kSystem, ECANCELED, "read " + name_);
    const ssize_t got = read(fd_, room.data(), room.size());
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got < 0) return Fail(Errc::kSystem, errno, "read " + name_);
    position_ += static_cast<std::uint64_t>(got);
    return static_cast<std::size_t>(got);
  }
}

/// A zstd decompressor.
class MaybeZstdSource::Decoder {
 public:
  Decoder() : context_(ZSTD_createDCtx()) {
    if (context_ == nullptr) throw std::bad_alloc();
    ZSTD_DCtx_setParameter(context_, ZSTD_d_windowLogMax, kMaxWindowLog);
  }
  ~Decoder() { ZSTD_freeDCtx(context_); }
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;

  /// As ZSTD_decompressStream: 0 at the end of a frame, or an error.
  std::size_t Decompress(ZSTD_outBuffer& out, ZSTD_inBuffer& in) {
    return ZSTD_decompressStream(context_, &out, &in);
  }

 private:
  ZSTD_DCtx* context_;
};

MaybeZstdSource::MaybeZstdSource(ByteSource& from) : from_(from), input_(kInputBytes) {}
MaybeZstdSource::~MaybeZstdSource() = default;

/// False at the end. What was in the input is used up.
Result<bool> MaybeZstdSource::Refill() {
  taken_ += end_;
  begin_ = end_ = 0;
  TLSCOPE_TRY(end_, from_.Read(input_));
  return end_ > 0;
}

Result<void> MaybeZstdSource::Begin() {
  begun_ = true;
  // Four bytes tell; a pipe may bring them one by one.
  while (end_ < 4) {
    TLSCOPE_TRY(const std::size_t got, from_.Read(std::span(input_).subspan(end_)));
    if (got == 0) break;
    end_ += got;
  }
  if (BeginsAsZstd({input_.data(), end_})) decoder_ = std::make_unique<Decoder>();
  return {};
}

Result<std::size_t> MaybeZstdSource::Read(std::span<char> room) {
  if (!begun_) {
    TLSCOPE_TRY(Begin());
  }
  if (!decoder_) {
    if (begin_ == end_) return from_.Read(room);
    const std::size_t count = std::min(room.size(), end_ - begin_);
    std::memcpy(room.data(), input_.data() + begin_, count);
    begin_ += count;
    return count;
  }
  // A few bytes may decompress to very many, for which nothing is read.
  if (from_.Stopped()) return Fail(Errc::kSystem, ECANCELED, "decompress");
  ZSTD_outBuffer out{room.data(), room.size(), 0};
  // Once in a while without new input: the decoder may hold output that had no room.
  for (bool more = true; more;) {
    ZSTD_inBuffer in{input_.data(), end_, begin_};
    const std::size_t left = decoder_->Decompress(out, in);
    const std::uint64_t place = taken_ + begin_;
    const bool consumed = in.pos != begin_;
    begin_ = in.pos;
    if (ZSTD_isError(left) != 0)
      return Fail(Errc::kInvalidRecord, 0,
                  "decompress what is at byte " + std::to_string(place) + " or soon after",
                  ZSTD_getErrorName(left));
    if (consumed || out.pos > 0) in_frame_ = left != 0;
    if (out.pos > 0) return out.pos;
    if (begin_ < end_) continue;
    TLSCOPE_TRY(more, Refill());
  }
  if (in_frame_)
    return Fail(Errc::kInvalidRecord, 0, "decompress beyond byte " + std::to_string(taken_),
                "it ends in the middle of a compressed frame");
  return std::size_t{0};
}

}  // namespace tlscope
