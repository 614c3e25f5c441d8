// SPDX-License-Identifier: Apache-2.0
#include "processor/text/json_pretty.h"

#include <algorithm>
#include <cstddef>

namespace tlscope {
namespace {

constexpr std::size_t kMaxDepth = 256;
// Two bytes can make a line that is as wide as the text is deep.
constexpr std::size_t kMaxTextBytes = std::size_t{64} << 20;
constexpr std::size_t kIndent = 2;

constexpr std::string_view kWhiteSpace = " \t\r\n";  // RFC 8259 2

class Layout {
 public:
  Layout(std::string_view json, std::string& out) : json_(json), out_(out) {}

  bool Run() {
    SkipWhiteSpace();
    if (Ended() || (Here() != '{' && Here() != '[')) return false;
    for (; !Ended(); SkipWhiteSpace()) {
      if (!Token() || out_.size() - before_ > kMaxTextBytes) return false;
      if (open_.empty()) break;
    }
    SkipWhiteSpace();
    return Ended() && open_.empty();
  }

 private:
  bool Token() {
    switch (Here()) {
      case '{':
      case '[':
        return Open();
      case '}':
      case ']':
        return Close();
      case ',':
        out_ += json_[at_++];
        NewLine();
        return true;
      case ':':
        out_ += ": ";
        ++at_;
        return true;
      case '"':
        return String();
      default:
        return Scalar();
    }
  }

  bool Open() {
    if (open_.size() == kMaxDepth) return false;
    open_ += Here() == '{' ? '}' : ']';
    out_ += json_[at_++];
    SkipWhiteSpace();
    if (!Ended() && Here() != open_.back()) NewLine();
    return true;
  }

  bool Close() {
    if (open_.empty() || open_.back() != Here()) return false;
    open_.pop_back();
    if (out_.back() != '{' && out_.back() != '[') NewLine();
    out_ += json_[at_++];
    return true;
  }

  bool String() {
    std::size_t end = at_ + 1;
    while (end < json_.size() && json_[end] != '"') end += json_[end] == '\\' ? 2 : 1;
    if (end >= json_.size()) return false;
    out_ += json_.substr(at_, end + 1 - at_);
    at_ = end + 1;
    return true;
  }

  bool Scalar() {
    const std::size_t end = std::min(json_.find_first_of(" \t\r\n,:\"{}[]", at_), json_.size());
    out_ += json_.substr(at_, end - at_);
    at_ = end;
    return true;
  }

  void NewLine() {
    out_ += '\n';
    out_.append(kIndent * open_.size(), ' ');
  }

  void SkipWhiteSpace() { at_ = std::min(json_.find_first_not_of(kWhiteSpace, at_), json_.size()); }
  bool Ended() const { return at_ == json_.size(); }
  char Here() const { return json_[at_]; }

  std::string_view json_;
  std::string& out_;
  const std::size_t before_ = out_.size();
  std::string open_;  // the brackets that close what is open, innermost last
  std::size_t at_ = 0;
};

}  // namespace

bool AppendPrettyJson(std::string_view json, std::string& out) {
  const std::size_t before = out.size();
  if (Layout(json, out).Run()) return true;
  out.resize(before);
  return false;
}

}  // namespace tlscope
