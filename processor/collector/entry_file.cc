// SPDX-License-Identifier: Apache-2.0
#include "processor/collector/entry_file.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <string_view>

#include "processor/base/unique_fd.h"
#include "processor/collector/agent_session.h"
#include "processor/collector/parse_entry.h"
#include "processor/wire/delimited.h"
#include "processor/wire/log_entry_reader.h"

namespace tlscope {
namespace {

constexpr std::size_t kFileReadBytes = std::size_t{256} << 10;

// Between attempts to store what could not be.
constexpr std::chrono::milliseconds kRetry{100};

/// Hands the entries of one file to the store.
class Importer {
 public:
  Importer(const EntryFileOptions& options, EntryStore& store, std::uint64_t total_bytes)
      : options_(options),
        store_(store),
        total_bytes_(total_bytes),
        input_(options.message_bytes) {}

  Result<ImportEnd> Run(int fd);

 private:
  bool StoppedBeforeInput(int fd) const;
  Result<ImportEnd> TakeEntries();
  Result<void> Take(std::string_view bytes);
  ImportEnd Commit();
  Result<void> Damaged(std::string_view how) const;
  std::uint64_t place() const { return read_bytes_ - input_.held_bytes(); }

  const EntryFileOptions& options_;
  EntryStore& store_;
  const std::uint64_t total_bytes_;
  DelimitedReader input_;
  std::uint64_t read_bytes_ = 0;
  std::uint64_t entry_at_ = 0;
  v1::LogEntry entry_;
  LogEntryReader reader_;
  std::shared_ptr<CollectedStream> stream_;  // of the latest Hello
};

Result<void> Importer::Damaged(std::string_view how) const {
  return Fail(Errc::kSystem, 0,
              "read " + options_.path + " beyond byte " + std::to_string(entry_at_) + ": " +
                  std::string(how),
              "what stands before that has been written");
}

Result<ImportEnd> Importer::Run(int fd) {
  for (;;) {
    if (StoppedBeforeInput(fd)) {
      Commit();
      return ImportEnd::kStopped;
    }
    const std::span<char> room = input_.Prepare(kFileReadBytes);
    const ssize_t got = read(fd, room.data(), kFileReadBytes);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got < 0) return Fail(Errc::kSystem, errno, "read " + options_.path);
    if (got == 0) break;
    input_.Commit(static_cast<std::size_t>(got));
    read_bytes_ += static_cast<std::uint64_t>(got);
    Result<ImportEnd> taken = TakeEntries();
    if (!taken || *taken != ImportEnd::kWhole) {
      Commit();
      return taken;
    }
    if (options_.on_progress) options_.on_progress(place(), total_bytes_);
  }
  const ImportEnd end = Commit();
  if (end != ImportEnd::kWhole || !input_.holds_bytes()) return end;
  entry_at_ = place();
  return tl::make_unexpected(Damaged("it ends in the middle of an entry").error());
}

/// Waits for a pipe that has nothing to read for now.
bool Importer::StoppedBeforeInput(int fd) const {
  pollfd readable{fd, POLLIN, 0};
  while (poll(&readable, 1, static_cast<int>(kRetry.count())) == 0) {
    if (options_.stopped && options_.stopped(std::chrono::milliseconds{0})) return true;
  }
  return false;
}

/// Those that have been read whole.
Result<ImportEnd> Importer::TakeEntries() {
  for (;;) {
    if (store_.full()) {
      const ImportEnd end = Commit();
      if (end != ImportEnd::kWhole) return end;
    }
    entry_at_ = place();
    std::string_view bytes;
    const DelimitedReader::Status status = input_.Next(bytes);
    if (status == DelimitedReader::Status::kNeedMore) break;
    TLSCOPE_TRY(status == DelimitedReader::Status::kMessage
                    ? Take(bytes)
                    : Damaged("an entry of no possible length follows"));
  }
  return options_.stopped && options_.stopped(std::chrono::milliseconds{0}) ? ImportEnd::kStopped
                                                                            : ImportEnd::kWhole;
}

Result<void> Importer::Take(std::string_view bytes) {
  if (!ParseEntry(bytes, entry_)) return Damaged("what follows is no entry");
  const bool hello = entry_.has_hello();
  if (!hello && !entry_.has_event_payload() && !entry_.has_bus_event()) return {};
  // A collector names whose entry it is; whoever writes its own says so once.
  const bool named = !hello && entry_.has_agent();
  if (!named && !hello && !stream_) return Damaged("no Hello comes first");
  std::shared_ptr<CollectedStream> stream = stream_;
  if (hello || named) {
    const v1::Agent& agent = hello ? entry_.hello().agent() : entry_.agent();
    if (!IsSoundIdentity(agent)) return Damaged("an entry names no agent and stream");
    stream = store_.Begin({agent.host(), agent.instance(), agent.stream_id()}, 0);
    if (hello) stream_ = stream;
  }
  if (hello) return {};
  if (entry_.sequence() == 0) return Damaged("an entry has no sequence");
  store_.Add(stream, {entry_.sequence(), bytes, reader_.Read(entry_)});
  return {};
}

ImportEnd Importer::Commit() {
  for (;;) {
    switch (store_.Commit()) {
      case StoreOutcome::kDone:
        return ImportEnd::kWhole;
      case StoreOutcome::kClosed:
        return ImportEnd::kClosed;
      case StoreOutcome::kAgain:
        if (options_.stopped && options_.stopped(kRetry)) return ImportEnd::kStopped;
    }
  }
}

}  // namespace

Result<ImportEnd> ImportEntries(const EntryFileOptions& options, EntryStore& store) {
  // O_NONBLOCK: a named pipe is waited for where that can be stopped.
  const UniqueFd fd(open(options.path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (!fd) {
    const int error = errno;
    return Fail(error == ENOENT ? Errc::kNotFound : Errc::kSystem, error, "open " + options.path,
                "name a file that -o FILE.pb has written");
  }
  struct stat status {};
  const std::uint64_t total =
      fstat(fd.get(), &status) == 0 ? static_cast<std::uint64_t>(status.st_size) : 0;
  return Importer(options, store, total).Run(fd.get());
}

}  // namespace tlscope
