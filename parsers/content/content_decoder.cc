// SPDX-License-Identifier: Apache-2.0
#include "parsers/content/content_decoder.h"

#include <algorithm>
#include <utility>

namespace tlscope::content {
namespace {

// What one step of one coding makes at most.
constexpr std::size_t kStepBytes = 16U << 10;

// Calls of a coding that take nothing and give nothing, before it is taken for stuck.
constexpr int kMaxStalls = 4;

// The body is decoded in slices that end at fixed places, so that what counts by slice is the same
// however the body comes. They begin small: a broken br stream loses the content of one.
std::uint64_t SliceEnd(std::uint64_t position) {
  const std::uint64_t bytes = position < 1024 ? 64 : 512;
  return position - position % bytes + bytes;
}

// How many bytes show that a stream is of a coding; 0 where none do.
std::size_t MagicBytes(Coding coding) {
  if (coding == Coding::kGzip) return 2;
  return coding == Coding::kZstd ? 4 : 0;
}

// Whether a stream of the coding may begin with `bytes`, of which there are at most MagicBytes.
bool MayBegin(Coding coding, std::string_view bytes) {
  using namespace std::string_view_literals;
  // RFC 1952 2.3.1.
  return coding == Coding::kGzip ? "\x1f\x8b"sv.starts_with(bytes) : MayBeginZstd(bytes);
}

std::unique_ptr<CodingStage> MakeStage(Coding coding, bool bytewise, ByteBudget& budget) {
  switch (coding) {
    case Coding::kBrotli:
      return MakeBrotliStage(bytewise, budget);
    case Coding::kZstd:
      return MakeZstdStage(budget);
    case Coding::kGzip:
    case Coding::kDeflate:
      break;
  }
  return MakeZlibStage(coding, budget);
}

std::string_view ReasonOf(CodingStage::Status status) {
  switch (status) {
    case CodingStage::Status::kTrailing:
      return ": bytes after its end";
    case CodingStage::Status::kNoMemory:
      return ": no memory left to decode it";
    case CodingStage::Status::kGoing:
    case CodingStage::Status::kBroken:
      break;
  }
  return ": broken";
}

}  // namespace

ContentDecoder::ContentDecoder(const CodingList& codings, const DecoderOptions& options,
                               ByteBudget& budget)
    : options_(options), budget_(budget), outermost_(codings.codings().back()) {
  const auto list = codings.codings();
  const bool alone = list.size() == 1;
  retracts_ = alone && list.front() == Coding::kBrotli && !options.never_retract;
  for (auto coding = list.rbegin(); coding != list.rend(); ++coding) {
    Stage& stage = stages_.emplace_back();
    stage.coding = MakeStage(*coding, !retracts_, budget);
    stage.name = CodingName(*coding);
  }
}

ContentDecoder::~ContentDecoder() { budget_.Give(taken_bytes_); }

std::uint64_t ContentDecoder::held_bytes() const {
  std::uint64_t bytes = taken_bytes_;
  for (const Stage& stage : stages_) bytes += stage.coding->held_bytes();
  return bytes;
}

void ContentDecoder::Feed(std::string_view encoded, ContentSink& sink) {
  if (encoded.empty()) return;
  if (state_ == State::kFirst) ReadFirst(encoded, sink);
  if (state_ == State::kAsSent && !encoded.empty()) sink.OnContent(encoded);
  if (state_ == State::kDecoding) Decode(encoded, sink);
}

/// Takes from `encoded` what it takes to see whether the body begins as its coding does.
void ContentDecoder::ReadFirst(std::string_view& encoded, ContentSink& sink) {
  const std::size_t wanted = MagicBytes(outermost_);
  while (first_bytes_ < wanted && !encoded.empty()) {
    first_[first_bytes_++] = encoded.front();
    encoded.remove_prefix(1);
    if (MayBegin(outermost_, {first_.data(), first_bytes_})) continue;
    PassOn(sink, NotCoded());
    return;
  }
  if (first_bytes_ < wanted) return;
  state_ = State::kDecoding;
  Decode({first_.data(), first_bytes_}, sink);
}

std::string ContentDecoder::NotCoded() const {
  return "not " + std::string(CodingName(outermost_)) + ": kept as sent";
}

/// Nothing is decoded: what was held and what follows is handed out as it is.
void ContentDecoder::PassOn(ContentSink& sink, std::string error) {
  state_ = State::kAsSent;
  error_ = std::move(error);
  Release();
  if (first_bytes_ != 0) sink.OnContent({first_.data(), first_bytes_});
}

void ContentDecoder::Decode(std::string_view encoded, ContentSink& sink) {
  while (!encoded.empty() && state_ == State::kDecoding) {
    if (encoded_bytes_ == slice_end_) {
      slice_end_ = SliceEnd(encoded_bytes_);
      slice_begin_ = decoded_bytes_;
    }
    const std::string_view piece = encoded.substr(0, slice_end_ - encoded_bytes_);
    encoded_bytes_ += piece.size();
    encoded.remove_prefix(piece.size());
    DecodePiece(piece, sink);
  }
}

/// Always runs the last coding that has something to do, so that no input has to wait for room.
void ContentDecoder::DecodePiece(std::string_view piece, ContentSink& sink) {
  std::array<char, kStepBytes> last_output;
  std::size_t first_running = 0;  // those before have failed, or feed one that has
  CodingStage::Status failure = CodingStage::Status::kGoing;
  int stalls = 0;
  while (state_ == State::kDecoding) {
    std::size_t index = stages_.size();
    while (index > first_running && !CanRun(index - 1, piece)) --index;
    if (index == first_running) break;
    --index;
    Stage& stage = stages_[index];
    Stage* const next = index + 1 < stages_.size() ? &stages_[index + 1] : nullptr;
    if (next != nullptr && !MakeRoom(*next)) {
      failure = CodingStage::Status::kNoMemory;
      first_running = index + 1;
      continue;
    }
    const std::span<char> output =
        next != nullptr ? std::span<char>(next->input.get(), kStepBytes) : last_output;
    CodingStage::Step step = stage.coding->Run(index == 0 ? piece : stage.waiting(), output);
    stage.more = step.produced == output.size();
    stalls = step.consumed + step.produced == 0 ? stalls + 1 : 0;
    if (stalls == kMaxStalls) step.status = CodingStage::Status::kBroken;
    if (index == 0) {
      piece.remove_prefix(step.consumed);
    } else {
      stage.begin += step.consumed;
    }
    if (next != nullptr) {
      next->begin = 0;
      next->end = step.produced;
    } else {
      Give({output.data(), step.produced}, sink);
    }
    if (step.status != CodingStage::Status::kGoing) {
      failure = step.status;
      first_running = index + 1;
    }
  }
  if (failure != CodingStage::Status::kGoing && state_ == State::kDecoding) {
    Fail(first_running - 1, failure, sink);
  }
}

bool ContentDecoder::CanRun(std::size_t index, std::string_view piece) const {
  const Stage& stage = stages_[index];
  return stage.more || !(index == 0 ? piece : stage.waiting()).empty();
}

bool ContentDecoder::MakeRoom(Stage& stage) {
  if (stage.input) return true;
  if (!budget_.Take(kStepBytes)) return false;
  taken_bytes_ += kStepBytes;
  stage.input = std::make_unique<char[]>(kStepBytes);
  return true;
}

void ContentDecoder::Give(std::string_view decoded, ContentSink& sink) {
  const std::uint64_t by_size = part_begin_ + options_.max_bytes;
  const std::uint64_t by_ratio = kFreeBytes + kMaxRatio * slice_end_;
  const std::string_view allowed = decoded.substr(0, std::min(by_size, by_ratio) - decoded_bytes_);
  decoded_bytes_ += allowed.size();
  if (!allowed.empty()) sink.OnContent(allowed);
  if (allowed.size() == decoded.size()) return;
  End(by_ratio < by_size ? "inflates beyond " + std::to_string(kMaxRatio) + " times its size"
                         : "inflates beyond " + std::to_string(options_.max_bytes) + " bytes");
}

void ContentDecoder::Fail(std::size_t stage, CodingStage::Status status, ContentSink& sink) {
  if (retracts_ && status == CodingStage::Status::kBroken && decoded_bytes_ != slice_begin_) {
    sink.Retract(decoded_bytes_ - slice_begin_);
  }
  End(std::string(stages_[stage].name).append(ReasonOf(status)));
}

void ContentDecoder::End(std::string error) {
  state_ = State::kEnded;
  error_ = std::move(error);
  Release();
}

void ContentDecoder::Release() {
  stages_.clear();
  budget_.Give(std::exchange(taken_bytes_, 0));
}

void ContentDecoder::Lose(ContentSink& sink) {
  if (state_ == State::kFirst) PassOn(sink, "bytes were lost: kept as sent");
  if (state_ == State::kDecoding) End("bytes were lost");
}

void ContentDecoder::Finish(ContentSink& sink) {
  if (state_ == State::kFirst && first_bytes_ != 0) {
    PassOn(sink, NotCoded());
  }
  if (state_ != State::kDecoding) return;
  for (const Stage& stage : stages_) {
    if (stage.coding->at_end()) continue;
    End(std::string(stage.name) + ": ends early");
    return;
  }
}

}  // namespace tlscope::content
