// SPDX-License-Identifier: Apache-2.0
#include "processor/recording/zstd_frames.h"

#include <zstd.h>

#include <new>

namespace tlscope {
namespace {

// zstd.h: ZSTD_CLEVEL_DEFAULT is 3; 1 keeps up with more traffic and saves hardly less of it.
constexpr int kLevel = 1;

}  // namespace

class ZstdFrames::Context {
 public:
  Context() : context_(ZSTD_createCCtx()) {
    if (context_ == nullptr) throw std::bad_alloc();
    ZSTD_CCtx_setParameter(context_, ZSTD_c_compressionLevel, kLevel);
    ZSTD_CCtx_setParameter(context_, ZSTD_c_checksumFlag, 1);
  }
  ~Context() { ZSTD_freeCCtx(context_); }
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  ZSTD_CCtx* get() const { return context_; }

 private:
  ZSTD_CCtx* context_;
};

ZstdFrames::ZstdFrames() : context_(std::make_unique<Context>()) {}
ZstdFrames::~ZstdFrames() = default;

std::string_view ZstdFrames::Compress(std::string_view bytes) {
  output_.resize(ZSTD_compressBound(bytes.size()));
  const std::size_t count =
      ZSTD_compress2(context_->get(), output_.data(), output_.size(), bytes.data(), bytes.size());
  return ZSTD_isError(count) != 0 ? std::string_view() : std::string_view(output_.data(), count);
}

}  // namespace tlscope
