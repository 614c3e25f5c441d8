// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

namespace tlscope {

/// The libssl of stub_ssl.c, which is built beside this program. Its objects are any addresses.
class StubLibrary {
 public:
  StubLibrary() : handle_(dlopen(path_.c_str(), RTLD_NOW | RTLD_LOCAL)) {
    EXPECT_NE(handle_, nullptr) << path_;
  }

  const std::string& path() const { return path_; }

  int Write(const void* object, std::string_view bytes) const {
    return Find<int(const void*, const void*, int)>("SSL_write")(object, bytes.data(),
                                                                 static_cast<int>(bytes.size()));
  }
  ssize_t Sendfile(const void* object, std::size_t size, int inside = 0) const {
    return Find<ssize_t(const void*, int, off_t, std::size_t, int)>("SSL_sendfile")(object, 0, 0,
                                                                                    size, inside);
  }

  /// What SSL_write does before it returns; nullptr: nothing.
  void SetInside(void (*inside)()) const {
    *static_cast<void (**)()>(dlsym(handle_.get(), "tlscope_stub_inside")) = inside;
  }

 private:
  struct Closer {
    void operator()(void* handle) const { dlclose(handle); }
  };

  template <class Function>
  Function* Find(const char* name) const {
    return reinterpret_cast<Function*>(dlsym(handle_.get(), name));
  }

  const std::string path_ =
      std::filesystem::read_symlink("/proc/self/exe").parent_path() / "libtlscope_stub_ssl.so";
  const std::unique_ptr<void, Closer> handle_;
};

}  // namespace tlscope
