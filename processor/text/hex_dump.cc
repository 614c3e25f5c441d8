// SPDX-License-Identifier: Apache-2.0
#include "processor/text/hex_dump.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include "processor/text/hex_digits.h"

namespace tlscope {
namespace {

constexpr std::size_t kRow = 16;
// "00000000  41 ... 41  41 ... 41  |AAAAAAAAAAAAAAAA|"
constexpr std::size_t kHexColumn = 10;
constexpr std::size_t kTextColumn = 60;

void AppendRow(std::string_view row, std::uint64_t offset, std::string& out) {
  std::array<char, kTextColumn + kRow + 2> line;
  line.fill(' ');
  for (std::size_t i = 0; i < 8; ++i) line[i] = kHexDigits[offset >> (28 - 4 * i) & 15];
  std::size_t column = kHexColumn;
  std::size_t text = kTextColumn;
  line[text++] = '|';
  for (std::size_t i = 0; i < row.size(); ++i) {
    const auto byte = static_cast<std::uint8_t>(row[i]);
    line[column] = kHexDigits[byte >> 4];
    line[column + 1] = kHexDigits[byte & 15];
    column += i == 7 ? 4 : 3;  // a wider space between the halves
    line[text++] = byte >= 0x20 && byte < 0x7f ? row[i] : '.';
  }
  line[text++] = '|';
  out.append(line.data(), text);
}

}  // namespace

void AppendHexDump(std::string_view bytes, std::uint64_t offset, std::string& out) {
  out.reserve(out.size() + (bytes.size() / kRow + 1) * (kTextColumn + kRow + 3));
  for (std::size_t at = 0; at < bytes.size(); at += kRow) {
    if (at != 0) out.push_back('\n');
    AppendRow(bytes.substr(at, kRow), offset + at, out);
  }
}

}  // namespace tlscope
