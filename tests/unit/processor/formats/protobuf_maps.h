// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

/// For tests that use a map of Protocol Buffers. Under ThreadSanitizer the library's headers give
/// it another layout than the installed library was built with.
#ifdef __SANITIZE_THREAD__
#define TLSCOPE_NEEDS_PROTOBUF_MAPS() \
  GTEST_SKIP() << "maps of Protocol Buffers do not work under ThreadSanitizer"
#else
#define TLSCOPE_NEEDS_PROTOBUF_MAPS() static_cast<void>(0)
#endif
