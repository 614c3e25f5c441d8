// SPDX-License-Identifier: Apache-2.0
#include "processor/text/tls_version.h"

#include "processor/text/hex_digits.h"

namespace tlscope {

void AppendTlsVersion(std::uint16_t version, std::string& out) {
  switch (version) {
    case 0x0300:
      out += "SSLv3";
      return;
    case 0x0301:
      out += "TLSv1";
      return;
    case 0x0302:
      out += "TLSv1.1";
      return;
    case 0x0303:
      out += "TLSv1.2";
      return;
    case 0x0304:
      out += "TLSv1.3";
      return;
    default:
      out += "0x";
      for (int shift = 12; shift >= 0; shift -= 4) out.push_back(kHexDigits[version >> shift & 15]);
  }
}

}  // namespace tlscope
