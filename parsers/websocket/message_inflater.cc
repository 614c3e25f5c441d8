// SPDX-License-Identifier: Apache-2.0
#include "parsers/websocket/message_inflater.h"

#include <algorithm>
#include <array>
#include <utility>

namespace tlscope::websocket {
namespace {

constexpr std::size_t kStepBytes = 16U << 10;

// RFC 7692 7.2.2: the sender leaves these out.
constexpr std::string_view kTail("\0\0\xff\xff", 4);

}  // namespace

void MessageInflater::Feed(std::string_view payload, MessageBuilder& out) {
  if (!error_.empty() || payload.empty()) return;
  // The largest window, whatever was agreed to: with a smaller one zlib takes or refuses a distance
  // beyond it depending on how its output is cut.
  if (!stream_.is_open() && !stream_.Open(-MAX_WBITS)) {
    Fail("no memory left to decode it");
    return;
  }
  Inflate(payload, out);
}

void MessageInflater::Inflate(std::string_view input, MessageBuilder& out) {
  std::array<char, kStepBytes> buffer;
  while (error_.empty()) {
    // RFC 7692 7.2.3.4: what follows such a block is a stream that shares the window.
    if (std::exchange(final_block_, false)) stream_.RestartKeepingWindow();
    const content::ZlibStream::Step step = stream_.Inflate(input, buffer);
    input.remove_prefix(step.consumed);
    const std::size_t allowed = std::min<std::uint64_t>(step.produced, max_bytes_ - given_bytes_);
    given_bytes_ += allowed;
    out.AppendDecoded({buffer.data(), allowed});
    if (allowed != step.produced) {
      Fail("inflates beyond " + std::to_string(max_bytes_) + " bytes");
    } else if (step.code == Z_STREAM_END) {
      final_block_ = true;
      if (input.empty()) return;
    } else if (step.code == Z_MEM_ERROR) {
      Fail("no memory left to decode it");
    } else if (step.code != Z_OK && step.code != Z_BUF_ERROR) {
      Fail(context_lost_ ? "broken or refers to bytes that were lost" : "broken");
    } else if (input.empty() && step.produced < buffer.size()) {
      return;
    }
  }
}

void MessageInflater::Fail(std::string_view reason) {
  error_ = reason;
  context_lost_ = true;
  stream_.Close();
  final_block_ = false;
}

void MessageInflater::Lose() {
  if (error_.empty()) Fail("bytes were lost");
}

void MessageInflater::Abandon() {
  if (error_.empty()) Fail("ends early");
}

std::string MessageInflater::Finish(MessageBuilder& out) {
  if (error_.empty() && stream_.is_open()) {
    if (std::exchange(final_block_, false)) {
      stream_.RestartKeepingWindow();
    } else {
      Inflate(kTail, out);
      if (error_.empty() && !stream_.between_blocks()) Fail("ends early");
    }
  }
  if (side_.no_context_takeover) {
    stream_.Close();
    context_lost_ = false;
  }
  given_bytes_ = 0;
  std::string error = std::exchange(error_, {});
  return error.empty() ? error : "permessage-deflate: " + error;
}

}  // namespace tlscope::websocket
