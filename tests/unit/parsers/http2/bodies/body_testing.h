// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "parsers/http2/bodies/stream_body.h"
#include "tests/unit/parsers/core/parser_testing.h"

namespace tlscope::testing_support {

/// What is told of a message, or of a part of one.
struct Told {
  std::string body;
  std::uint32_t part = 0;
  bool last = false;
  bool complete = true;
  std::uint64_t content_bytes = 0;
  bool operator==(const Told&) const = default;
};

inline void PrintTo(const Told& told, std::ostream* out) {
  *out << testing::PrintToString(told.body) << " part " << told.part << (told.last ? " last" : "")
       << (told.complete ? "" : " incomplete") << " content " << told.content_bytes;
}

/// A body and what it is put into, as a stream has them.
template <class Body>
class BodyUnderTest {
 public:
  template <class... Args>
  explicit BodyUnderTest(Args&&... args) : budget(std::uint64_t{1} << 20), message(limits, budget) {
    message.message().stream_id = 1;
    body = std::make_unique<Body>(message, recorder, std::forward<Args>(args)...);
  }

  /// One DATA frame, in one piece.
  void Frame(std::string_view bytes, std::uint64_t now_ns = kKtime) {
    Data(bytes, now_ns);
    body->OnFrameEnd(now_ns);
  }
  void Data(std::string_view bytes, std::uint64_t now_ns = kKtime) {
    message.message().last_ktime_ns = now_ns;
    body->OnData(bytes, now_ns);
  }
  /// The stream ends: what was told of its messages.
  std::vector<Told> End() {
    body->OnEnd(kKtime);
    message.Emit(recorder);
    body.reset();
    EXPECT_EQ(budget.used_bytes(), 0U);
    return SoFar();
  }
  std::vector<Told> SoFar() const {
    std::vector<Told> told;
    for (const Message& one : recorder.messages) {
      told.push_back({one.body, one.part, one.last_part, one.complete, one.content_bytes});
    }
    return told;
  }

  ParserLimits limits;
  ByteBudget budget;
  Recorder recorder;
  MessageBuilder message;
  std::unique_ptr<Body> body;
};

}  // namespace tlscope::testing_support
