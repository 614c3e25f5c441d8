// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace tlscope {

/// Appends `\xNN`.
void AppendEscaped(char byte, std::string& out);

/// Appends `bytes` as the value of a `Key:value, ` header: whatever could break that, a line or a
/// terminal is written \xNN: control and non-ASCII bytes, comma, backslash.
void AppendFieldValue(std::string_view bytes, std::string& out);

/// The same as a string: a name that others chose, for a report or a log.
std::string FieldValue(std::string_view bytes);

/// What a peer says, for a line of a log: '?' for all that is not printable ASCII.
std::string PrintableAscii(std::string_view bytes);

/// Whether all of `bytes` is UTF-8 (RFC 3629) without control characters other than tab, CR, LF.
bool IsPrintableText(std::string_view bytes);

/// Appends `bytes` for a terminal: what could act on it is written \xNN. That is C0 except tab and
/// LF, CR unless LF follows, DEL, C1 in either form, whatever is not UTF-8, and what shows text in
/// another order than it has (ActsOnTerminal).
void AppendForTerminal(std::string_view bytes, std::string& out);

}  // namespace tlscope
