// SPDX-License-Identifier: Apache-2.0
#include "processor/events/event_kind.h"

namespace tlscope {
namespace {

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
char Upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }

std::string Folded(std::string_view name) {
  std::string folded;
  for (const char c : name) {
    if (c != '_') folded.push_back(Lower(c));
  }
  return folded;
}

}  // namespace

std::string CamelCase(std::string_view name) {
  std::string camel;
  bool begins = true;
  for (const char c : name) {
    if (c != '_') camel.push_back(begins ? Upper(c) : Lower(c));
    begins = c == '_';
  }
  return camel;
}

std::string EventKindName(v1::EventKind kind) {
  const std::string& name = v1::EventKind_Name(kind);
  return name.empty() ? std::to_string(kind) : CamelCase(name);
}

std::optional<v1::EventKind> EventKindNamed(std::string_view name) {
  const std::string folded = Folded(name);
  const auto& kinds = *v1::EventKind_descriptor();
  for (int i = 0; i < kinds.value_count(); ++i) {
    const auto& kind = *kinds.value(i);
    if (kind.number() != v1::EVENT_KIND_UNSPECIFIED && Folded(kind.name()) == folded)
      return static_cast<v1::EventKind>(kind.number());
  }
  return {};
}

std::string EventKindNames() {
  std::string names;
  const auto& kinds = *v1::EventKind_descriptor();
  for (int i = 0; i < kinds.value_count(); ++i) {
    const auto& kind = *kinds.value(i);
    if (kind.number() == v1::EVENT_KIND_UNSPECIFIED) continue;
    if (!names.empty()) names += ", ";
    names += CamelCase(kind.name());
  }
  return names;
}

}  // namespace tlscope
