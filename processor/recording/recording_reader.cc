// SPDX-License-Identifier: Apache-2.0
#include "processor/recording/recording_reader.h"

#include <cerrno>
#include <utility>
#include <variant>

#include "processor/recording/entry_checksum.h"
#include "processor/recording/recorded_event.h"
#include "processor/recording/recording_limits.h"
#include "tlscope/v1/recording.pb.h"

namespace tlscope {
namespace {

constexpr std::size_t kReadBytes = 128U << 10;

constexpr const char* kWhatIsRead = ": everything before it was read";

}  // namespace

Result<std::unique_ptr<RecordingReader>> RecordingReader::Open(ByteSource& source) {
  std::unique_ptr<RecordingReader> reader(new RecordingReader(source));
  TLSCOPE_TRY(reader->ReadFirst());
  return reader;
}

RecordingReader::RecordingReader(ByteSource& source)
    : source_(source),
      delimited_(kMaxRecordingEntryBytes),
      entry_(std::make_unique<v1::RecordingEntry>()) {}

RecordingReader::~RecordingReader() = default;

/// False at the end of the source.
Result<bool> RecordingReader::Fill() {
  TLSCOPE_TRY(const std::size_t got, source_.Read(delimited_.Prepare(kReadBytes)));
  delimited_.Commit(got);
  fed_bytes_ += got;
  return got > 0;
}

Result<void> RecordingReader::ReadFirst() {
  const auto refuse = [](const char* why) {
    return Fail(Errc::kInvalidRecord, 0, "read it as a recording of tlscope", why);
  };
  std::string_view bytes;
  DelimitedReader::Status status{};
  while ((status = delimited_.Next(bytes)) == DelimitedReader::Status::kNeedMore) {
    TLSCOPE_TRY(const bool filled, Fill());
    if (!filled)
      return refuse(fed_bytes_ == 0 ? "it is empty"
                                    : "it is no recording, or cut within its header");
  }
  if (status == DelimitedReader::Status::kInvalid || !ParseMessage(bytes, *entry_) ||
      !entry_->has_header())
    return refuse("it begins with something else than a recording");
  if (!WrongChecksum(bytes).empty()) return refuse("its header is damaged");
  checked_ = entry_->has_checksum();
  TLSCOPE_TRY(info_, ReadHeader(entry_->header()));
  return {};
}

RecordingReader::Status RecordingReader::Next(Record& event) {
  while (!over_) {
    entry_at_ = fed_bytes_ - delimited_.held_bytes();
    std::string_view bytes;
    const DelimitedReader::Status status = delimited_.Next(bytes);
    if (status == DelimitedReader::Status::kMessage) {
      if (ReadEntry(bytes, event)) return Status::kEvent;
    } else if (status == DelimitedReader::Status::kInvalid) {
      Corrupt({});
    } else if (const Result<bool> filled = Fill(); !filled) {
      return OnFailure(filled.error());
    } else if (!*filled) {
      return AtSourceEnd();
    }
  }
  return *over_;
}

/// What is wrong with the checksum of entry_, which was read from `bytes`; empty when nothing is.
std::string_view RecordingReader::WrongChecksum(std::string_view bytes) const {
  if (!entry_->has_checksum()) return checked_ ? "checksum missing" : std::string_view();
  return EndsWithItsChecksum(bytes) ? std::string_view() : "checksum wrong";
}

/// True when it was an event. What it could not be sets over_.
bool RecordingReader::ReadEntry(std::string_view bytes, Record& event) {
  if (totals_) {
    Damaged("goes on behind its end, at byte " + std::to_string(entry_at_));
  } else if (!ParseMessage(bytes, *entry_) || entry_->has_header()) {
    Corrupt({});
  } else if (const std::string_view wrong = WrongChecksum(bytes); !wrong.empty()) {
    Corrupt(wrong);
  } else if (IsEvent(*entry_)) {
    return TakeEvent(event);
  } else if (entry_->has_lost()) {
    stats_.dropped_entries += entry_->lost().entries();
    stats_.dropped_bytes += entry_->lost().bytes();
  } else if (entry_->has_end()) {
    totals_ = ReadEnd(entry_->end());
  } else {
    ++stats_.unknown_entries;
  }
  return false;
}

bool RecordingReader::TakeEvent(Record& event) {
  const Result<Record> read = ReadEvent(*entry_);
  if (!read) {
    Corrupt(read.error().what);
    return false;
  }
  event = *read;
  ++stats_.events;
  if (const auto* data = std::get_if<SSLDataEvent>(&event)) stats_.data_bytes += data->data.size();
  return true;
}

RecordingReader::Status RecordingReader::AtSourceEnd() {
  const std::string place = std::to_string(entry_at_);
  if (delimited_.holds_bytes())
    return Damaged("ends in the middle of a record at byte " + place + kWhatIsRead);
  if (!totals_)
    return Damaged("ends without its end mark at byte " + place +
                   ": it was cut there, or its recorder was killed; everything was read");
  const std::uint64_t read = stats_.events + stats_.unknown_entries;
  if (totals_->recorded_entries != 0 && totals_->recorded_entries != read)
    return Damaged("holds " + std::to_string(read) + " of the " +
                   std::to_string(totals_->recorded_entries) + " records it says it holds");
  over_ = Status::kEnd;
  return *over_;
}

RecordingReader::Status RecordingReader::OnFailure(const Error& error) {
  if (error.error_number == ECANCELED) {
    over_ = Status::kInterrupted;
    return *over_;
  }
  return Damaged("cannot be read beyond byte " + std::to_string(entry_at_) + " (" +
                 error.Describe() + ")" + kWhatIsRead);
}

/// Of the entry that is read now. `why`, if there is more to say.
void RecordingReader::Corrupt(std::string_view why) {
  std::string what = "is corrupt at byte " + std::to_string(entry_at_);
  if (!why.empty()) what += " (" + std::string(why) + ")";
  Damaged(what + kWhatIsRead);
}

RecordingReader::Status RecordingReader::Damaged(std::string what) {
  damage_ = "the recording " + std::move(what);
  over_ = Status::kDamaged;
  return *over_;
}

}  // namespace tlscope
