// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "processor/base/keyed_hash.h"
#include "processor/events/decoder.h"
#include "processor/recording/recording_info.h"

namespace tlscope {

/// The entries of a recording that are no events, each behind its length and with a checksum. Pure;
/// any thread.
/// Texts are left out where they are no UTF-8 or longer than 256 bytes; of losses the first 64
/// count. Ports: at most kMaxRecordingPorts.
std::string EncodeRecordingHeader(const RecordingInfo& info);
std::string EncodeRecordingLoss(std::uint64_t entries, std::uint64_t bytes);
std::string EncodeRecordingEnd(const RecordingTotals& totals);

/// Serialises events, each behind its length and with a checksum. One thread.
class RecordingWriter {
 public:
  /// `key` hides the addresses of the kernel and of the traced programs: a recording holds a hash
  /// of each instead. It is to be of this recording only.
  explicit RecordingWriter(const HashKey& key);

  /// Data of at most 16 KiB, as a Record has. Borrowed until the next call.
  std::string_view Encode(const Record& record);

 private:
  HashKey key_;
  std::vector<char> buffer_;
};

}  // namespace tlscope
