// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace tlscope {

/// What the HTTP endpoint serves. Called for each request, on the thread that serves it.
struct HttpHandlers {
  /// The text of /metrics. Empty: there is none.
  std::function<std::string()> metrics = {};
  /// Why the agent is not healthy; nothing when it is. Empty: it always is.
  std::function<std::optional<std::string>()> health = {};
};

/// An answer without the headers that HTTP itself needs.
struct HttpReply {
  unsigned status = 200;
  std::string body = {};  ///< of a GET: a HEAD is told its length alone
  std::string_view content_type = "text/plain; charset=utf-8";
  std::string_view allow = {};  ///< the value of the Allow header; empty: there is none
};

/// Answers a request for `target`, as it stands in the request line.
HttpReply ReplyTo(std::string_view method, std::string_view target, const HttpHandlers& handlers);

}  // namespace tlscope
