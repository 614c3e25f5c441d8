// SPDX-License-Identifier: Apache-2.0
#include "processor/recording/entry_checksum.h"

#include <zlib.h>

#include <array>

#include "processor/wire/proto_writer.h"
#include "tlscope/v1/recording.pb.h"

namespace tlscope {

std::uint32_t EntryChecksum(std::string_view fields) {
  return static_cast<std::uint32_t>(
      crc32_z(0, reinterpret_cast<const Bytef*>(fields.data()), fields.size()));
}

bool EndsWithItsChecksum(std::string_view entry) {
  if (entry.size() < kEntryChecksumBytes) return false;
  const std::string_view fields = entry.substr(0, entry.size() - kEntryChecksumBytes);
  std::array<char, kEntryChecksumBytes> field;
  ProtoWriter(field.data())
      .PutFixed32(v1::RecordingEntry::kChecksumFieldNumber, EntryChecksum(fields));
  return entry.ends_with(std::string_view(field.data(), field.size()));
}

}  // namespace tlscope
