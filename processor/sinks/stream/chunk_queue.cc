// SPDX-License-Identifier: Apache-2.0
#include "processor/sinks/stream/chunk_queue.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace tlscope {

bool ChunkQueue::JoinsLast(std::size_t block_bytes) const {
  if (block_bytes > kJoinBytes || chunks_.empty()) return false;
  const Chunk& last = chunks_.back();
  return !last.handed_out && !last.blocks.empty() && last.blocks.front().end <= kJoinBytes &&
         last.bytes.size() + block_bytes <= kChunkBytes;
}

void ChunkQueue::AppendBlock(std::string&& block, std::uint64_t sequence) {
  const std::size_t bytes = block.size();
  if (JoinsLast(bytes)) {
    // Grows as it does by itself: room made at once for all that may come would be many times what
    // is counted, where a few blocks at a time are sent and wait for the acknowledgement.
    chunks_.back().bytes += block;
  } else {
    chunks_.push_back({.begin = end_, .bytes = std::move(block), .blocks = {}});
  }
  chunks_.back().blocks.push_back({sequence, chunks_.back().bytes.size()});
  end_ += bytes;
}

void ChunkQueue::AppendMarker(std::string&& marker) {
  const std::size_t bytes = marker.size();
  chunks_.push_back({.begin = end_, .bytes = std::move(marker), .blocks = {}});
  end_ += bytes;
}

std::size_t ChunkQueue::IndexAt(Offset offset) const {
  // Nearly always the first one is asked for.
  if (!chunks_.empty() && offset < chunks_.front().end()) return 0;
  const auto found =
      std::partition_point(chunks_.begin(), chunks_.end(),
                           [offset](const Chunk& chunk) { return chunk.end() <= offset; });
  return static_cast<std::size_t>(found - chunks_.begin());
}

std::optional<ChunkQueue::Item> ChunkQueue::At(Offset offset) const {
  assert(offset >= begin_);
  if (offset >= end_) return std::nullopt;
  const Chunk& chunk = chunks_[IndexAt(offset)];
  if (chunk.blocks.empty()) return Item{chunk.begin, chunk.end(), 0};
  const std::size_t place = offset - chunk.begin;
  const auto block =
      std::partition_point(chunk.blocks.begin(), chunk.blocks.end(),
                           [place](const Block& before) { return before.end <= place; });
  const std::size_t start = block == chunk.blocks.begin() ? 0 : (block - 1)->end;
  return Item{chunk.begin + start, chunk.begin + block->end, block->sequence};
}

std::string_view ChunkQueue::HandOut(Offset offset) {
  assert(offset >= begin_);
  if (offset >= end_) return {};
  Chunk& chunk = chunks_[IndexAt(offset)];
  chunk.handed_out = true;
  return std::string_view(chunk.bytes).substr(offset - chunk.begin);
}

void ChunkQueue::Free(Offset offset) {
  while (!chunks_.empty() && chunks_.front().end() <= offset) chunks_.pop_front();
  begin_ = chunks_.empty() ? end_ : chunks_.front().begin;
}

void ChunkQueue::Erase(const Item& block) {
  auto chunk = chunks_.begin() + static_cast<std::ptrdiff_t>(IndexAt(block.begin));
  assert(chunk->begin == block.begin && chunk->end() == block.end);
  for (chunk = chunks_.erase(chunk); chunk != chunks_.end(); ++chunk) chunk->begin -= block.bytes();
  end_ -= block.bytes();
}

void ChunkQueue::Clear() {
  chunks_.clear();
  begin_ = end_;
}

}  // namespace tlscope
