// SPDX-License-Identifier: Apache-2.0
//
// What an agent sends to a collector, under a schedule of pieces: what is understood is written and
// read again, and is the same.
//
// Input: the stream, then a byte that says how it is cut.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "processor/collector/agent_session.h"
#include "processor/collector/storage/fd_storage.h"
#include "processor/formats/protobuf_format.h"
#include "processor/formats/text_format.h"
#include "processor/wire/log_entry_reader.h"
#include "tests/fuzz/check.h"

namespace tlscope {
namespace {

/// Keeps what it is given.
class MemoryStorage final : public Storage {
 public:
  explicit MemoryStorage(std::string& bytes) : bytes_(bytes) {}
  std::string name() const override { return "memory"; }
  std::optional<std::uint64_t> Prepare(std::size_t block_bytes) override { return block_bytes; }
  StoreOutcome Write(std::string_view bytes) override {
    bytes_ += bytes;
    return StoreOutcome::kDone;
  }
  StoreOutcome Keep(const StreamPositions&) override { return StoreOutcome::kDone; }
  void Close() override {}

 private:
  std::string& bytes_;
};

struct Outcome {
  std::string text;
  std::string entries;
  std::string said;
  StreamCounts counts;
  bool operator==(const Outcome&) const = default;
};

/// What a session makes of a stream that comes `grain` bytes at a time.
Outcome Run(std::string_view stream, std::size_t grain) {
  static const CollectorLimits limits{.message_bytes = std::size_t{64} << 10};
  static const std::string version("1");
  Outcome outcome;
  std::vector<std::unique_ptr<CollectorOutput>> outputs;
  outputs.push_back(std::make_unique<CollectorOutput>(
      std::make_shared<TextFormat>(TextFormatOptions()), FormatKind::kText,
      std::make_unique<MemoryStorage>(outcome.text), StreamPositions()));
  outputs.push_back(std::make_unique<CollectorOutput>(
      std::make_shared<ProtobufFormat>(ProtobufFormatOptions()), FormatKind::kProtobuf,
      std::make_unique<MemoryStorage>(outcome.entries), StreamPositions()));
  EntryStore store(std::move(outputs));
  const AgentSessionEnv env{store, limits, version, {}};
  AgentSession session(env);
  bool finished = false;
  while (!stream.empty() && !finished) {
    const std::string_view piece = stream.substr(0, grain);
    stream.remove_prefix(piece.size());
    const std::span<char> room = session.PrepareInput(piece.size());
    Check(room.size() <= 2 * (limits.message_bytes + 16 + grain) + (256U << 10),
          "what is held is bounded");
    std::memcpy(room.data(), piece.data(), piece.size());
    session.CommitInput(piece.size());
    AgentSession::Input input = AgentSession::Input::kMore;
    while (input == AgentSession::Input::kMore || input == AgentSession::Input::kBlocked) {
      if (input == AgentSession::Input::kBlocked) {
        Check(store.Commit() == StoreOutcome::kDone, "there is room again");
      }
      input = session.Process(3);
    }
    finished = input == AgentSession::Input::kFinished;
  }
  Check(store.Commit() == StoreOutcome::kDone && !store.pending(), "all of it is stored");
  outcome.said = session.output();
  if (session.stream()) outcome.counts = session.stream()->counts;
  Check(outcome.counts.received == outcome.counts.stored + outcome.counts.duplicates, "it adds up");
  return outcome;
}

/// What was understood of an entry is what ProtobufFormat writes of it, and stays so.
void CheckRoundTrip(std::string_view bytes) {
  v1::LogEntry entry;
  if (!ParseMessage(bytes, entry)) return;
  LogEntryReader reader;
  const BusPayload* const read = reader.Read(entry);
  if (read == nullptr) return;
  ProtobufFormatOptions options;
  options.delimited = false;
  std::string first;
  ProtobufFormat(options).Append(*read, first);
  if (first.empty()) return;  // of the agent itself
  v1::LogEntry again;
  Check(ParseMessage(first, again), "what is written can be read");
  LogEntryReader second_reader;
  const BusPayload* const second = second_reader.Read(again);
  Check(second != nullptr, "what is written is understood");
  std::string twice;
  ProtobufFormat(options).Append(*second, twice);
  Check(twice == first, "it stays as it was");
}

void RunAll(std::string_view stream, unsigned schedule) {
  const Outcome whole = Run(stream, stream.size() + 1);
  Check(Run(stream, 1) == whole, "the split makes no difference");
  Check(Run(stream, 1 + schedule) == whole, "the split makes no difference");
  DelimitedReader reader(std::size_t{64} << 10);
  reader.Append(stream);
  for (std::string_view entry; reader.Next(entry) == DelimitedReader::Status::kMessage;) {
    CheckRoundTrip(entry);
  }
}

}  // namespace
}  // namespace tlscope

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  tlscope::RunAll(std::string_view(reinterpret_cast<const char*>(data), size - 1), data[size - 1]);
  return 0;
}
