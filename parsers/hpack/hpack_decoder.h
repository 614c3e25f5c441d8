// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nghttp2/nghttp2.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "parsers/core/byte_budget.h"
#include "parsers/hpack/header_list.h"
#include "parsers/hpack/hpack_field.h"

namespace tlscope::http2 {

/// The header blocks of one direction (RFC 7541), with one table for the life of the connection.
/// nghttp2's inflater does the decoding and keeps the table; its memory is in the budget.
///
/// The inflater takes any table size up to kMaxTableBytes. Nothing depends on having seen the
/// receiver's SETTINGS: what the encoder makes of them it says in the block itself (RFC 7541 4.2).
///
/// A table is *partial* after Lose(), which is for a connection joined late and for lost blocks:
/// entries made before are unknown, and nothing says how many there are. So is one that the encoder
/// makes larger than kMaxTableBytes: what no longer fits is unknown. An index counts from the
/// newest entry, so one that reaches no further than the entries made since is exact whatever lies
/// behind. Eviction cannot spoil that: it takes the oldest first, so an entry that the encoder has
/// evicted is one it cannot name, and keeping it too long here does no harm. The sizes of what is
/// unknown being unknown, a partial table ignores size updates and always has room for
/// kMaxTableBytes. An index that reaches further is shown as unknown. So that the inflater, which
/// would give up at the first such index, sees none, fields go to it one at a time and those that
/// name an unknown entry in another form: its name is then "<unknown:INDEX>", also where it is
/// inserted.
class HpackDecoder {
 public:
  static constexpr std::uint32_t kMaxTableBytes = 64U << 10;
  /// Longest representation; nghttp2 takes no longer strings.
  static constexpr std::size_t kMaxStringBytes = 64U << 10;

  explicit HpackDecoder(ByteBudget& budget);
  ~HpackDecoder();
  HpackDecoder(const HpackDecoder&) = delete;
  HpackDecoder& operator=(const HpackDecoder&) = delete;

  /// The next bytes of a block; `last` ends it. Fields go to `out` as they are whole. False: the
  /// block cannot be read any further, and its rest is not to be given; the table is partial then.
  bool Feed(std::string_view fragment, bool last, HeaderList& out);

  /// Entries may have been made that were not seen. The rest of a block that is being read is not
  /// to be given.
  void Lose();

  bool partial() const { return partial_; }
  std::uint64_t held_bytes() const { return memory_.taken_bytes + carry_.size(); }
  /// Frees everything.
  void Reset();

 private:
  /// Where the inflater's memory is accounted for.
  struct Memory {
    ByteBudget& budget;
    std::uint64_t taken_bytes;
  };

  static void* Allocate(std::size_t size, void* memory);
  static void Free(void* block, void* memory);
  static void* AllocateZeroed(std::size_t count, std::size_t size, void* memory);
  static void* Reallocate(void* block, std::size_t size, void* memory);

  bool Open();
  bool MakeRoom();
  bool FeedWhole(std::string_view bytes, bool last, HeaderList& out);
  bool FeedFields(std::string_view fragment, bool last, HeaderList& out);
  std::size_t TakeFields(std::string_view bytes, HeaderList& out, FieldScan& scan);
  bool FeedField(std::string_view bytes, const HpackField& field, HeaderList& out);
  bool Keep(std::string_view bytes);
  void DropCarry();
  bool Inflate(std::string_view bytes, bool last, HeaderList& out);
  const std::uint8_t* TakeEntries(const std::uint8_t* at, const std::uint8_t* end,
                                  HeaderList& out) const;

  Memory memory_;
  nghttp2_mem hooks_;
  nghttp2_hd_inflater* inflater_ = nullptr;
  bool partial_ = false;
  bool in_block_ = false;  ///< its first byte has come and its last has not
  bool by_field_ = false;  ///< of the block: its fields go to the inflater one at a time
  bool at_field_ = true;   ///< the inflater is where a field may begin
  std::string carry_;      ///< of a block by field: a field that is not whole yet
};

}  // namespace tlscope::http2
