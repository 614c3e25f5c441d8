// SPDX-License-Identifier: Apache-2.0
#include "processor/collector/storage/file_storage.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

namespace tlscope {
namespace {

// What is ended and not compressed by then is left to the next run.
constexpr std::chrono::milliseconds kCompressPatience{2000};

std::string StateNameOf(const std::string& pattern) {
  return "." + pattern.substr(pattern.rfind('/') + 1) + ".state";
}

/// What does not fit into a collector's files is not lost, as it is elsewhere.
Error ForCollector(Error error) {
  if (error.error_number == ENOSPC || error.error_number == EDQUOT) {
    error.remedy = "make room: until then nothing is acknowledged, and agents keep what they have";
  }
  return error;
}

}  // namespace

Result<std::unique_ptr<FileStorage>> FileStorage::Open(FileStorageOptions options,
                                                       StreamPositions& positions) {
  TLSCOPE_TRY(auto name, FileName::Parse(options.pattern));
  TLSCOPE_TRY(
      auto folder,
      OutputFolder::Open(std::move(name), [on_failure = options.on_failure](const Error& error) {
        on_failure(ForCollector(error));
      }));
  const std::string state_name = StateNameOf(options.pattern);
  TLSCOPE_TRY(auto state, StateFile::Open(folder->fd(), state_name, folder->PathOf(state_name)));
  std::unique_ptr<FileStorage> storage(
      new FileStorage(std::move(options), std::move(folder), std::move(state)));
  TLSCOPE_TRY(storage->Recover(positions));
  TLSCOPE_TRY(storage->Begin());
  return storage;
}

FileStorage::FileStorage(FileStorageOptions options, std::unique_ptr<OutputFolder> folder,
                         StateFile state)
    : options_(std::move(options)), folder_(std::move(folder)), state_file_(std::move(state)) {}

void FileStorage::MakeFiles() {
  RotatingFileOptions rotating;
  rotating.rotate_bytes = options_.rotate_bytes;
  rotating.rotate_period = options_.rotate_period;
  rotating.begin_anew = options_.begin_anew && !IsOurs(folder_->name().At(now_));
  rotating.first_block = options_.first_block;
  rotating.block_end = options_.block_end;
  rotating.now = [this] { return now_; };
  file_ = std::make_unique<RotatingFile>(*folder_, std::move(rotating), [this] {
    if (rotated_) rotated_->Tend();
  });
}

FileStorage::~FileStorage() { Close(); }

void FileStorage::Close() {
  if (file_ && !state_.ended() && !state_.has_next() && file_->size() == state_.file().bytes()) {
    state_.set_ended(true);
    // Without it the next run cuts back to the same place.
    static_cast<void>(state_file_.Write(state_));
  }
  if (file_) file_->Close();
  if (rotated_) rotated_->Close(kCompressPatience);
}

/// Cuts off what an earlier run wrote and did not keep.
Result<void> FileStorage::Recover(StreamPositions& positions) {
  bool damaged = false;
  std::optional<v1::CollectorState> found = state_file_.Read(damaged);
  if (damaged) {
    options_.on_failure(Error{Errc::kSystem, 0,
                              "read " + folder_->PathOf(StateNameOf(options_.pattern)),
                              "entries that were stored and not acknowledged may be stored twice"});
  }
  if (!found) return {};
  state_ = std::move(*found);
  positions.ReadFrom(state_);
  const bool same = state_.has_next() && state_.next().name() == state_.file().name();
  if (state_.has_file() && !same) {
    if (auto cut = CutOff(state_.file(), Role::kWritten); !cut) return cut;
  }
  return state_.has_next() ? CutOff(state_.next(), Role::kAnnounced) : Result<void>();
}

Result<void> FileStorage::CutOff(const v1::CollectorState::File& file, Role role) {
  const std::string what = "cut off what was not acknowledged from " + folder_->PathOf(file.name());
  const UniqueFd fd(openat(folder_->fd(), file.name().c_str(),
                           O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (!fd && errno == ENOENT) return {};  // somebody has moved it away
  struct stat status {};
  if (!fd || fstat(fd.get(), &status) != 0) return tl::make_unexpected(FileError(errno, what));
  if (!S_ISREG(status.st_mode) || status.st_uid != geteuid()) return {};  // nor is it written to
  const bool announced = role == Role::kAnnounced;
  const bool other = status.st_ino != file.inode();
  if (other && !announced) return {};  // ours was moved away
  if (!LockForWriting(fd.get())) {
    return Fail(Errc::kUsage, 0, what, "another process writes it: name another file");
  }
  const off_t kept = other ? 0 : static_cast<off_t>(file.bytes());
  if (status.st_size > kept && (announced || !state_.ended())) {
    if (ftruncate(fd.get(), kept) != 0) return tl::make_unexpected(FileError(errno, what));
    // What it still holds is as old as it was: that tells when it ends, and in which order files
    // go.
    const std::array<timespec, 2> times{timespec{0, UTIME_OMIT}, status.st_mtim};
    futimens(fd.get(), times.data());
  }
  if (status.st_size < kept) {
    options_.on_failure(Error{Errc::kSystem, 0,
                              "find all that was stored in " + folder_->PathOf(file.name()),
                              "somebody has shortened it, and agents do not send that again"});
  }
  return {};
}

/// Whether the file of that name is the one of the state.
bool FileStorage::IsOurs(const std::string& name) const {
  struct stat status {};
  return state_.file().name() == name && state_.file().inode() != 0 &&
         fstatat(folder_->fd(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 &&
         status.st_ino == state_.file().inode();
}

Result<void> FileStorage::Begin() {
  now_ = options_.now();
  MakeFiles();
  state_.clear_ended();
  if (const int error = AnnounceNext(); error != 0) return tl::make_unexpected(StateError(error));
  if (auto opened = file_->Open(); !opened) return opened;
  dirty_ = true;
  if (const int error = file_->Sync(); error != 0) {
    return tl::make_unexpected(file_->WriteError(error));
  }
  dirty_ = false;
  if (const int error = WriteState(); error != 0) return tl::make_unexpected(StateError(error));
  try {
    rotated_ = std::make_unique<RotatedFiles>(
        *folder_, RotatedFiles::Options{.gzip = options_.gzip, .keep = options_.keep});
  } catch (const std::system_error& error) {
    return Fail(Errc::kSystem, error.code().value(),
                "start a thread to compress " + options_.pattern);
  }
  return {};
}

/// Whatever the file that is about to be opened comes to hold is not kept until WriteState.
int FileStorage::AnnounceNext() {
  v1::CollectorState::File& next = *state_.mutable_next();
  next.set_name(folder_->name().At(now_));
  struct stat status {};
  const bool there = fstatat(folder_->fd(), next.name().c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0;
  next.set_inode(there ? status.st_ino : 0);
  next.set_bytes(there ? static_cast<std::uint64_t>(status.st_size) : 0);
  return state_file_.Write(state_);
}

int FileStorage::WriteState() {
  v1::CollectorState::File& file = *state_.mutable_file();
  file.set_name(file_->name());
  file.set_inode(file_->inode());
  file.set_bytes(file_->size());
  state_.clear_next();
  return state_file_.Write(state_);
}

Error FileStorage::StateError(int error_number) const {
  return ForCollector(
      FileError(error_number, "write " + folder_->PathOf(StateNameOf(options_.pattern))));
}

std::optional<std::uint64_t> FileStorage::Prepare(std::size_t block_bytes) {
  // A file that is ended holds what was kept and nothing else.
  if (!file_->Mend()) return {};
  now_ = options_.now();
  const bool opens = file_->WouldOpen(block_bytes);
  if (opens) {
    if (const int error = AnnounceNext(); error != 0) {
      folder_->Report(FileTask::kWrite, StateError(error));
      return {};
    }
  }
  if (!file_->Prepare(block_bytes)) return {};
  if (opens) dirty_ = true;
  return file_->Room();
}

StoreOutcome FileStorage::Write(std::string_view bytes) {
  if (bytes.empty()) return StoreOutcome::kDone;
  if (!file_->Mend()) return StoreOutcome::kAgain;
  // iovec knows no const; nothing is written to.
  iovec part{const_cast<char*>(bytes.data()), bytes.size()};
  const RotatingFile::Outcome outcome = file_->Write({&part, 1});
  int error = outcome.error_number;
  if (error == 0) error = file_->Sync();
  if (error == 0) {
    dirty_ = false;
    return StoreOutcome::kDone;
  }
  // What a failed fdatasync(2) has left in memory may never reach the disk: it is written again.
  file_->TakeBack(outcome.bytes);
  folder_->Report(FileTask::kWrite, ForCollector(file_->WriteError(error)));
  return StoreOutcome::kAgain;
}

StoreOutcome FileStorage::Keep(const StreamPositions& positions) {
  positions.WriteTo(state_);
  int error = dirty_ ? file_->Sync() : 0;
  if (error == 0) {
    dirty_ = false;
    error = WriteState();
  }
  if (error == 0) return StoreOutcome::kDone;
  folder_->Report(FileTask::kWrite, StateError(error));
  return StoreOutcome::kAgain;
}

}  // namespace tlscope
