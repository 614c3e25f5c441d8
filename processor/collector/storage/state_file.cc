// SPDX-License-Identifier: Apache-2.0
#include "processor/collector/storage/state_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "processor/sinks/files/output_folder.h"
#include "processor/wire/delimited.h"

namespace tlscope {
namespace {

// More than StreamPositions::kMost streams take, with names as long as they may be.
constexpr std::size_t kPlaceBytes = std::size_t{1} << 20;

/// Before the serialised state.
struct Header {
  std::array<char, 8> magic = {'t', 'l', 's', 'c', 's', 't', 'a', '1'};
  std::uint64_t generation = 0;  // the higher one is the newer
  std::uint32_t bytes = 0;
  std::uint32_t crc = 0;  // CRC-32 of the generation and the state
};
static_assert(sizeof(Header) == 24);

std::uint32_t CrcOf(std::uint64_t generation, std::string_view state) {
  std::array<unsigned char, sizeof generation> number;
  std::memcpy(number.data(), &generation, number.size());
  const uLong first = crc32(0, number.data(), static_cast<uInt>(number.size()));
  return static_cast<std::uint32_t>(
      crc32(first, reinterpret_cast<const Bytef*>(state.data()), static_cast<uInt>(state.size())));
}

off_t PlaceOf(std::uint64_t generation) {
  return static_cast<off_t>((generation % 2) * kPlaceBytes);
}

/// False at the end of the file and when it cannot be read.
bool ReadAll(int fd, char* to, std::size_t bytes, off_t at) {
  while (bytes > 0) {
    const ssize_t got = pread(fd, to, bytes, at);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    to += got;
    at += got;
    bytes -= static_cast<std::size_t>(got);
  }
  return true;
}

int WriteAll(int fd, std::string_view bytes, off_t at) {
  while (!bytes.empty()) {
    const ssize_t put = pwrite(fd, bytes.data(), bytes.size(), at);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return errno;
    if (put == 0) return EIO;
    bytes.remove_prefix(static_cast<std::size_t>(put));
    at += put;
  }
  return 0;
}

std::optional<v1::CollectorState> ReadPlace(int fd, off_t at, std::uint64_t& generation) {
  Header header;
  const Header expected;
  if (!ReadAll(fd, reinterpret_cast<char*>(&header), sizeof header, at) ||
      header.magic != expected.magic || header.bytes > kPlaceBytes - sizeof header) {
    return {};
  }
  std::string bytes(header.bytes, '\0');
  v1::CollectorState state;
  if (!ReadAll(fd, bytes.data(), bytes.size(), at + static_cast<off_t>(sizeof header)) ||
      CrcOf(header.generation, bytes) != header.crc || !ParseMessage(bytes, state)) {
    return {};
  }
  generation = header.generation;
  return state;
}

}  // namespace

Result<StateFile> StateFile::Open(int folder_fd, const std::string& name, const std::string& path) {
  UniqueFd fd(openat(folder_fd, name.c_str(),
                     O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600));
  const std::string what = "keep the state of the output in " + path;
  if (!fd) return tl::make_unexpected(FileError(errno, what));
  struct stat status {};
  if (fstat(fd.get(), &status) != 0) return tl::make_unexpected(FileError(errno, what));
  if (!S_ISREG(status.st_mode) || status.st_uid != geteuid() || status.st_nlink > 1) {
    return Fail(Errc::kPrivilege, 0, what,
                "it is no file of this user's alone: remove it, or name another output");
  }
  if (!LockForWriting(fd.get())) {
    return Fail(Errc::kUsage, 0, what, "another collector writes this output: name another file");
  }
  if ((status.st_mode & 07777) != 0600 && fchmod(fd.get(), 0600) != 0) {
    return tl::make_unexpected(FileError(errno, what));
  }
  return StateFile(std::move(fd));
}

std::optional<v1::CollectorState> StateFile::Read(bool& damaged) {
  std::optional<v1::CollectorState> newest;
  for (const std::uint64_t place : {0U, 1U}) {
    std::uint64_t generation = 0;
    auto state = ReadPlace(fd_.get(), PlaceOf(place), generation);
    if (!state || (newest && generation < generation_)) continue;
    newest = std::move(state);
    generation_ = generation;
  }
  struct stat status {};
  damaged = !newest && fstat(fd_.get(), &status) == 0 && status.st_size != 0;
  return newest;
}

int StateFile::Write(const v1::CollectorState& state) {
  Header header;
  header.generation = generation_ + 1;
  record_.assign(sizeof header, '\0');
  state.AppendToString(&record_);
  if (record_.size() > kPlaceBytes) return EFBIG;
  const std::string_view bytes = std::string_view(record_).substr(sizeof header);
  header.bytes = static_cast<std::uint32_t>(bytes.size());
  header.crc = CrcOf(header.generation, bytes);
  std::memcpy(record_.data(), &header, sizeof header);
  if (const int error = WriteAll(fd_.get(), record_, PlaceOf(header.generation)); error != 0) {
    return error;
  }
  if (fdatasync(fd_.get()) != 0) return errno;
  generation_ = header.generation;
  return 0;
}

}  // namespace tlscope
