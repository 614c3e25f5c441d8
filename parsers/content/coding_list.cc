// SPDX-License-Identifier: Apache-2.0
#include "parsers/content/coding_list.h"

#include <algorithm>
#include <optional>

#include "parsers/core/field_syntax.h"

namespace tlscope::content {
namespace {

std::optional<Coding> CodingOf(std::string_view name) {
  // RFC 9110 8.4.1.3: x-gzip is gzip.
  if (EqualsIgnoreCase(name, "gzip") || EqualsIgnoreCase(name, "x-gzip")) return Coding::kGzip;
  if (EqualsIgnoreCase(name, "deflate")) return Coding::kDeflate;
  if (EqualsIgnoreCase(name, "br")) return Coding::kBrotli;
  if (EqualsIgnoreCase(name, "zstd")) return Coding::kZstd;
  return std::nullopt;
}

}  // namespace

std::string_view CodingName(Coding coding) {
  switch (coding) {
    case Coding::kGzip:
      return "gzip";
    case Coding::kDeflate:
      return "deflate";
    case Coding::kBrotli:
      return "br";
    case Coding::kZstd:
      break;
  }
  return "zstd";
}

void CodingList::Add(std::string_view value) {
  while (!value.empty()) AddOne(NextListElement(value));
}

void CodingList::AddOne(std::string_view name) {
  if (name.empty() || EqualsIgnoreCase(name, "identity")) return;
  const std::optional<Coding> coding = CodingOf(name);
  if (coding) {
    Append(*coding);
  } else {
    known_ = false;
  }
}

void CodingList::Add(const CodingList& others) {
  known_ = known_ && others.known_;
  for (const Coding coding : others.codings()) Append(coding);
}

void CodingList::Append(Coding coding) {
  if (count_ == kMaxCodings) {
    known_ = false;
  } else {
    codings_[count_++] = coding;
  }
}

bool CodingList::Has(Coding coding) const {
  const auto list = codings();
  return std::find(list.begin(), list.end(), coding) != list.end();
}

std::string CodingList::Text() const {
  std::string text;
  for (const Coding coding : codings()) {
    if (!text.empty()) text += ", ";
    text += CodingName(coding);
  }
  return text;
}

}  // namespace tlscope::content
