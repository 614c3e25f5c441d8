// SPDX-License-Identifier: Apache-2.0
#include "processor/sinks/files/gzip_file.h"

#include <unistd.h>
#include <zlib.h>

#include <cerrno>
#include <cstddef>
#include <vector>

namespace tlscope {
namespace {

constexpr std::size_t kChunkBytes = 64U << 10;

// zlib.h, deflateInit2: 15 bits of window, and 16 for a gzip header; 8 is the default memory level.
constexpr int kGzipWindowBits = 15 + 16;
constexpr int kMemoryLevel = 8;

class Deflater {
 public:
  Deflater()
      : ready_(deflateInit2(&stream_, Z_DEFAULT_COMPRESSION, Z_DEFLATED, kGzipWindowBits,
                            kMemoryLevel, Z_DEFAULT_STRATEGY) == Z_OK) {}
  ~Deflater() {
    if (ready_) deflateEnd(&stream_);
  }
  Deflater(const Deflater&) = delete;
  Deflater& operator=(const Deflater&) = delete;

  bool ready() const { return ready_; }
  z_stream& stream() { return stream_; }

 private:
  z_stream stream_{};
  bool ready_;
};

int WriteAll(int fd, const Bytef* bytes, std::size_t count) {
  while (count > 0) {
    const ssize_t written = write(fd, bytes, count);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return written < 0 ? errno : EIO;
    bytes += written;
    count -= static_cast<std::size_t>(written);
  }
  return 0;
}

/// Compresses what the stream has as input. 0 or an errno.
int Drain(z_stream& stream, int flush, std::vector<Bytef>& out, int to) {
  do {
    stream.next_out = out.data();
    stream.avail_out = static_cast<uInt>(out.size());
    deflate(&stream, flush);
    const int error = WriteAll(to, out.data(), out.size() - stream.avail_out);
    if (error != 0) return error;
  } while (stream.avail_out == 0);
  return 0;
}

}  // namespace

int GzipFile(int from, int to, const std::function<bool()>& stop) {
  Deflater deflater;
  if (!deflater.ready()) return ENOMEM;
  std::vector<Bytef> in(kChunkBytes);
  std::vector<Bytef> out(kChunkBytes);
  off_t offset = 0;
  while (!stop()) {
    const ssize_t got = pread(from, in.data(), in.size(), offset);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno;
    offset += got;
    deflater.stream().next_in = in.data();
    deflater.stream().avail_in = static_cast<uInt>(got);
    const int error = Drain(deflater.stream(), got == 0 ? Z_FINISH : Z_NO_FLUSH, out, to);
    if (error != 0 || got == 0) return error;
  }
  return ECANCELED;
}

}  // namespace tlscope
