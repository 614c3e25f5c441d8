// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "parsers/core/message.h"
#include "processor/formats/text_options.h"

namespace tlscope {

/// Appends bytes as they are, or made harmless for a terminal.
void AppendText(std::string_view bytes, const TextFormatOptions& options, std::string& out);

/// One message's body as text. Decides at construction how it is shown, so that the header line can
/// say so first. Borrows both arguments.
class TextBody {
 public:
  TextBody(const Message& message, const TextFormatOptions& options);

  /// What the header line says of the way the body is shown: nothing, or `, Hex:true` and so on.
  void AppendFields(std::string& out) const;

  /// The body, with markers where bytes are missing.
  void Append(std::string& out) const;

 private:
  enum class Shape : std::uint8_t { kText, kHex, kPretty, kHidden, kJson, kFields };

  Shape ChooseShape();
  Shape ChooseRpcShape();
  void AppendPiece(std::size_t from, std::size_t to, std::string& out) const;
  void AppendWithGaps(std::string& out) const;
  void AppendHidden(std::string& out) const;

  const Message& message_;
  const TextFormatOptions& options_;
  std::string pretty_;
  Shape shape_;
};

}  // namespace tlscope
