// SPDX-License-Identifier: Apache-2.0
#include "processor/metrics/http_reply.h"

#include <algorithm>
#include <utility>

#include "processor/metrics/exposition.h"

namespace tlscope {
namespace {

/// The path that a target names, in either form a server must take (RFC 9112 3.2.1, 3.2.2).
std::string_view PathOf(std::string_view target) {
  constexpr std::string_view kScheme = "http://";
  if (target.starts_with(kScheme)) {
    target.remove_prefix(kScheme.size());
    const std::size_t slash = target.find('/');
    target = slash == std::string_view::npos ? "/" : target.substr(slash);
  }
  return target.substr(0, target.find('?'));
}

HttpReply Metrics(const HttpHandlers& handlers) {
  return {.body = handlers.metrics ? handlers.metrics() : std::string(),
          .content_type = kPrometheusContentType};
}

HttpReply Health(const HttpHandlers& handlers) {
  std::optional<std::string> reason;
  if (handlers.health) reason = handlers.health();
  if (!reason) return {.body = "ok\n"};
  std::replace_if(
      reason->begin(), reason->end(), [](char byte) { return byte >= 0 && byte < ' '; }, ' ');
  return {.status = 503, .body = std::move(*reason) + '\n'};
}

}  // namespace

HttpReply ReplyTo(std::string_view method, std::string_view target, const HttpHandlers& handlers) {
  const std::string_view path = PathOf(target);
  const bool metrics = path == "/metrics";
  if (!metrics && path != "/healthz") {
    return {.status = 404, .body = "not found: there are /metrics and /healthz\n"};
  }
  if (method != "GET" && method != "HEAD") {
    return {.status = 405, .body = "only GET and HEAD are served\n", .allow = "GET, HEAD"};
  }
  return metrics ? Metrics(handlers) : Health(handlers);
}

}  // namespace tlscope
