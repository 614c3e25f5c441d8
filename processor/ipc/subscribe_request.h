// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <tl/expected.hpp>

#include "processor/bus/subscription.h"
#include "processor/ipc/access.h"
#include "processor/ipc/ipc_limits.h"
#include "tlscope/v1/control.pb.h"

namespace tlscope {

/// What a client's wish means to the bus, or the answer to one that is refused.
tl::expected<SubscribeOptions, v1::Error> ReadSubscribe(const v1::Subscribe& wish, Role role,
                                                        const AccessPolicy& policy,
                                                        const BrokerLimits& limits);

}  // namespace tlscope
