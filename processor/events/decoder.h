// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <variant>

#include "processor/base/result.h"
#include "processor/events/kernel_records.h"

namespace tlscope {

/// What a ring record can be.
using Record =
    std::variant<SSLDataEvent, ConnDataEvent, SSLEndEvent, SSLSocketEvent, SSLHandshakeEvent>;

/// Turns one ring record into a domain event, trusting no field of it. `record` may be longer than
/// what it says it holds (the ring's size classes), never shorter. The event's `data` points into
/// `record`. Fails with kInvalidRecord, naming the field and never its payload. Pure; any thread.
Result<Record> Decode(std::span<const std::byte> record);

}  // namespace tlscope
