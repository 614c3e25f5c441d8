// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tlscope {

/// Blocks, and markers between them, in a row. A place in it is an offset: how many bytes were
/// appended before it, but for those that were erased. Small blocks share a chunk of memory: that
/// costs less than to free each one, and to give each one to the system by itself.
class ChunkQueue {
 public:
  using Offset = std::uint64_t;

  /// Blocks up to this size share a chunk.
  static constexpr std::size_t kJoinBytes = std::size_t{8} << 10;
  /// What a chunk of several has at most.
  static constexpr std::size_t kChunkBytes = std::size_t{64} << 10;

  /// A block or a marker, where it is.
  struct Item {
    Offset begin;
    Offset end;
    std::uint64_t sequence;  ///< of a block, from 1; 0: a marker

    bool is_marker() const { return sequence == 0; }
    std::uint64_t bytes() const { return end - begin; }
  };

  Offset begin() const { return begin_; }
  Offset end() const { return end_; }
  bool empty() const { return begin_ == end_; }

  /// Neither is empty.
  void AppendBlock(std::string&& block, std::uint64_t sequence);
  void AppendMarker(std::string&& marker);

  /// What the byte at `offset` belongs to, which was not freed; nothing at the end.
  std::optional<Item> At(Offset offset) const;
  /// Those bytes from `offset` on that are in one chunk; empty at the end. They stay where they are
  /// until Free or Erase.
  std::string_view HandOut(Offset offset);

  /// Forgets the chunks that end at `offset` or before.
  void Free(Offset offset);
  /// Takes out a block of more than kJoinBytes: what comes after it moves to where it began.
  void Erase(const Item& block);
  void Clear();

 private:
  struct Block {
    std::uint64_t sequence;
    std::size_t end;  // in the chunk's bytes
  };
  /// Some blocks, or a marker, which has none.
  struct Chunk {
    Offset begin;
    std::string bytes;
    std::vector<Block> blocks;
    bool handed_out = false;  // its bytes stay where they are

    Offset end() const { return begin + bytes.size(); }
  };

  bool JoinsLast(std::size_t block_bytes) const;
  /// The index of the chunk that holds the byte at `offset`; the number of chunks at the end.
  std::size_t IndexAt(Offset offset) const;

  std::deque<Chunk> chunks_;
  Offset begin_ = 0;
  Offset end_ = 0;
};

}  // namespace tlscope
