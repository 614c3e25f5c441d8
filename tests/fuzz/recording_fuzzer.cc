// SPDX-License-Identifier: Apache-2.0
//
// A recording as anybody may have made it, in whatever pieces it comes: read, and replayed.
//
// Input: the recording.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "processor/bus/event_bus.h"
#include "processor/connections/event_processor.h"
#include "processor/recording/byte_source.h"
#include "processor/recording/recording_reader.h"
#include "processor/recording/recording_writer.h"
#include "processor/recording/replayer.h"
#include "tests/fuzz/check.h"

namespace tlscope {
namespace {

class Pieces final : public ByteSource {
 public:
  Pieces(std::string_view bytes, std::size_t grain) : bytes_(bytes), grain_(grain) {}

  Result<std::size_t> Read(std::span<char> room) override {
    const std::size_t count = std::min({room.size(), bytes_.size(), grain_});
    if (count != 0) std::memcpy(room.data(), bytes_.data(), count);
    bytes_.remove_prefix(count);
    return count;
  }

 private:
  std::string_view bytes_;
  std::size_t grain_;
};

// A small file may decompress to much.
constexpr std::uint64_t kMostEvents = 2000;

/// All events of the recording, encoded anew.
std::string Run(std::string_view bytes, std::size_t grain) {
  Pieces pieces(bytes, grain);
  MaybeZstdSource source(pieces);
  const auto reader = RecordingReader::Open(source);
  if (!reader) return "refused";
  EventBus bus({.realtime_offset_ns = (*reader)->info().realtime_offset_ns, .ring_bytes = 1 << 16});
  ProcessorOptions options;
  options.budget_bytes = 1 << 20;
  options.max_workers = 16;
  options.socket_key = HashKey{};
  EventProcessor processor(options, bus);
  Replayer replayer(processor, options);
  RecordingWriter writer(HashKey{});
  std::string seen;
  Record event;
  while ((*reader)->stats().events < kMostEvents &&
         (*reader)->Next(event) == RecordingReader::Status::kEvent) {
    seen += writer.Encode(event);
    Check(replayer.OnEvent(event), "nobody stops it");
    Check(processor.held_bytes() <= options.budget_bytes, "what is held is bounded");
  }
  replayer.Close();
  return seen + (*reader)->damage();
}

}  // namespace
}  // namespace tlscope

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const std::string whole = tlscope::Run(bytes, size + 1);
  const std::string split = tlscope::Run(bytes, 1 + size / 7);
  // What zstd says of damage, also behind a skippable frame, depends on the pieces.
  const bool plain =
      !bytes.starts_with("\x28\xb5\x2f\xfd") && (size < 4 || bytes.substr(1, 3) != "\x2a\x4d\x18");
  tlscope::Check(!plain || whole == split, "the split makes no difference");
  return 0;
}
