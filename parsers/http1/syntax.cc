// SPDX-License-Identifier: Apache-2.0
#include "parsers/http1/syntax.h"

#include <algorithm>

namespace tlscope::http1 {

bool IsKnownMethod(std::string_view method) {
  static constexpr std::string_view kMethods[] = {
      "GET",       "POST",       "PUT",      "HEAD",      "DELETE",          "OPTIONS",
      "PATCH",     "CONNECT",    "TRACE",    "QUERY",     "PROPFIND",        "PROPPATCH",
      "MKCOL",     "COPY",       "MOVE",     "LOCK",      "UNLOCK",          "REPORT",
      "SEARCH",    "MKCALENDAR", "ACL",      "BIND",      "UNBIND",          "REBIND",
      "CHECKIN",   "CHECKOUT",   "MERGE",    "LINK",      "UNLINK",          "LABEL",
      "PURGE",     "NOTIFY",     "M-SEARCH", "SUBSCRIBE", "VERSION-CONTROL", "UNSUBSCRIBE",
      "MKACTIVITY"};
  return std::find(std::begin(kMethods), std::end(kMethods), method) != std::end(kMethods);
}

}  // namespace tlscope::http1
