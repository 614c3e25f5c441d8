// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "processor/base/result.h"
#include "processor/events/decoder.h"
#include "processor/recording/recording_info.h"

namespace tlscope {

namespace v1 {
class RecordingEnd;
class RecordingEntry;
class RecordingHeader;
}  // namespace v1

/// Turns one entry of a recording into the event it tells of, trusting no field of it. Its `data`
/// points into `entry`. Fails with kInvalidRecord, naming the field and never what it holds, also
/// for entries that are no event. Pure; any thread.
Result<Record> ReadEvent(const v1::RecordingEntry& entry);

/// Whether it is an entry that ReadEvent knows.
bool IsEvent(const v1::RecordingEntry& entry);

/// kInvalidRecord: it is no header of a recording, or of one in a version that this tlscope does
/// not know.
Result<RecordingInfo> ReadHeader(const v1::RecordingHeader& header);

RecordingTotals ReadEnd(const v1::RecordingEnd& end);

}  // namespace tlscope
