// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace tlscope::http2 {

/// One header list as text, in the order sent: a line `name: value` each, `\r\n` behind it. What
/// the sender's table holds and we do not know is `<unknown:INDEX>` in the place of a name, or as a
/// line of its own in the place of a whole field. CR, LF and NUL in a name or value, which HTTP
/// forbids (RFC 9113 8.2.1), are shown as \x0d, \x0a, \x00, so that a line is always one field.
///
/// Keeps at most `limit` bytes; what comes then is counted, and said in a last line.
class HeaderList {
 public:
  /// What the first field tells (RFC 9113 8.3: pseudo-fields come first).
  enum class Kind : std::uint8_t {
    kUnknown,   ///< its first field is not known
    kRequest,   ///< has :method, or another field only requests have
    kResponse,  ///< has :status
    kTrailers,  ///< begins with a regular field
  };

  /// Starts an empty list.
  void Begin(std::uint64_t limit);
  void Add(std::string_view name, std::string_view value, bool never_indexed);
  /// A field of which nothing but its index is known.
  void AddUnknown(std::uint64_t index);
  /// The rest of the list could not be read.
  void Break();
  /// No more fields come.
  void End();

  /// The lines.
  std::string_view text() const { return {text_.data(), size_}; }
  /// The lines and, after End, the blank line that ends a head.
  std::string_view head() const { return {text_.data(), size_ + 2}; }
  bool broken() const { return broken_; }
  Kind kind() const { return kind_; }
  /// Names of fields that are never to be indexed (RFC 7541 6.2.3), as "name, name".
  const std::string& never_indexed() const { return never_indexed_; }

  // Values of fields; empty or 0 when absent, the last one when repeated.
  std::uint16_t status() const { return status_; }
  std::string_view method() const { return Of(method_); }
  std::string_view path() const { return Of(path_); }
  std::string_view authority() const { return Of(authority_); }
  std::string_view protocol() const { return Of(protocol_); }
  std::string_view content_type() const { return Of(content_type_); }
  std::string_view content_encoding() const { return Of(content_encoding_); }
  std::string_view grpc_encoding() const { return Of(grpc_encoding_); }
  std::uint64_t content_length() const { return content_length_; }

  /// Memory kept for the next list.
  std::size_t held_bytes() const { return text_.size(); }
  void ReleaseMemory();
  /// Keeps no more of the list that is being read.
  void Forgo() {
    limit_ = 0;
    Break();
  }

 private:
  struct Span {
    std::size_t begin = 0;
    std::size_t size = 0;
  };

  std::string_view Of(Span span) const { return {text_.data() + span.begin, span.size}; }
  char* Grow(std::size_t bytes);
  void Enlarge(std::size_t bytes);
  Span AppendLine(std::string_view name, std::string_view value);
  void Settle();
  void Note(std::string_view name, std::string_view value, const Span& span);
  void NotePseudo(std::string_view name, std::string_view value, const Span& span);
  void AppendCut();
  void NoteNeverIndexed(std::string_view name);

  std::string text_;  ///< its size is the room there is, size_ what is used
  std::size_t size_ = 0;
  std::uint64_t limit_ = 0;
  std::uint64_t cut_bytes_ = 0;
  bool broken_ = false;
  bool first_ = true;
  Kind kind_ = Kind::kUnknown;
  Span pending_name_;
  Span pending_value_;  ///< of the last line, if it was not looked at yet; else begins at 0
  std::string never_indexed_;
  std::uint16_t status_ = 0;
  std::uint64_t content_length_ = 0;
  Span method_, path_, authority_, protocol_, content_type_, content_encoding_, grpc_encoding_;
};

}  // namespace tlscope::http2
