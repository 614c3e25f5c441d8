// SPDX-License-Identifier: Apache-2.0
#include "agent/output_spec.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <utility>

namespace tlscope {
namespace {

struct Scheme {
  std::string_view prefix;
  OutputTarget target;
  std::string_view example;
};

constexpr std::array kSchemes = {
    Scheme{"unix://", OutputTarget::kUnix, "unix:///run/collector.sock"},
    Scheme{"tcp://", OutputTarget::kTcp, "tcp://collector:4317"},
    Scheme{"tls://", OutputTarget::kTls, "tls://collector:4317"},
    Scheme{"kafka://", OutputTarget::kKafka, "kafka://broker1,broker2/topic"}};

// sun_path of sockaddr_un, its final NUL included (unix(7)).
constexpr std::size_t kMaxSocketPath = 108;

// Of a topic (Kafka's own limit, org.apache.kafka.common.internals.Topic).
constexpr std::size_t kMaxTopicBytes = 249;

auto Refuse(std::string_view text, std::string remedy) {
  return Fail(Errc::kUsage, 0, "write to '" + std::string(text) + "'", std::move(remedy));
}

std::string FormatNames() {
  std::string names;
  for (const FormatInfo& info : kFormats) {
    if (!names.empty()) names += ", ";
    names += info.name;
  }
  return names;
}

/// A word such as could be meant as a format.
bool IsWord(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  });
}

std::optional<FormatKind> FormatOfPath(std::string_view path) {
  for (const FormatInfo& info : kFormats) {
    if (!info.extension.empty() && path.ends_with(info.extension)) return info.kind;
  }
  return std::nullopt;
}

/// "host:port", an IPv6 address in brackets.
bool ReadHostPort(std::string_view text, OutputSpec& spec) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return false;
  std::string_view host = text.substr(0, colon);
  const std::string_view port = text.substr(colon + 1);
  const bool bracketed = host.starts_with('[') && host.ends_with(']');
  if (bracketed) host = host.substr(1, host.size() - 2);
  const auto parsed = std::from_chars(port.data(), port.data() + port.size(), spec.port);
  if (parsed.ec != std::errc() || parsed.ptr != port.data() + port.size() || spec.port == 0)
    return false;
  if (host.empty() || (!bracketed && host.find(':') != std::string_view::npos)) return false;
  if (host.find_first_of("/?#@ ") != std::string_view::npos) return false;
  spec.host = host;
  return true;
}

bool IsTopic(std::string_view topic) {
  return !topic.empty() && topic.size() <= kMaxTopicBytes && topic != "." && topic != ".." &&
         std::ranges::all_of(topic, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '.' || c == '_' || c == '-';
         });
}

bool ReadKafka(std::string_view text, OutputSpec& spec) {
  const std::size_t slash = text.find('/');
  if (slash == 0 || slash == std::string_view::npos) return false;
  spec.brokers = text.substr(0, slash);
  spec.topic = text.substr(slash + 1);
  return IsTopic(spec.topic);
}

bool ReadAuthority(std::string_view rest, OutputSpec& spec) {
  switch (spec.target) {
    case OutputTarget::kUnix:
      spec.path = rest;
      return rest.starts_with('/') && rest.size() > 1 && rest.size() < kMaxSocketPath;
    case OutputTarget::kTcp:
    case OutputTarget::kTls:
      return ReadHostPort(rest, spec);
    case OutputTarget::kKafka:
      return ReadKafka(rest, spec);
    case OutputTarget::kStdout:
    case OutputTarget::kFile:
      break;
  }
  return false;
}

Result<OutputSpec> ReadUrl(std::string_view url, std::optional<FormatKind> format,
                           OutputSpec spec) {
  const auto* const scheme = std::ranges::find_if(
      kSchemes, [&](const Scheme& known) { return url.starts_with(known.prefix); });
  if (scheme == kSchemes.end())
    return Refuse(spec.text,
                  "a URL is one of unix:///PATH, tcp://HOST:PORT, tls://HOST:PORT and "
                  "kafka://BROKERS/TOPIC");
  spec.target = scheme->target;
  spec.format = format.value_or(FormatKind::kProtobuf);
  if (!ReadAuthority(url.substr(scheme->prefix.size()), spec))
    return Refuse(spec.text, "write it like " + std::string(scheme->example));
  if (spec.target == OutputTarget::kKafka && spec.format == FormatKind::kPcapng)
    return Refuse(spec.text,
                  "pcapng is one stream, which Kafka would cut into messages; Kafka "
                  "takes protobuf and json");
  return spec;
}

Result<OutputSpec> ReadPath(std::string_view path, std::optional<FormatKind> format,
                            OutputSpec spec) {
  if (path.empty() || path.ends_with('/'))
    return Refuse(spec.text, "name a file, - for standard output, or a URL");
  if (!format) format = FormatOfPath(path);
  if (!format)
    return Refuse(spec.text,
                  "its extension names no format; put one before it (text:" + std::string(path) +
                      "), or let it end in .txt, .hex, .jsonl, .pb or .pcapng");
  spec.target = OutputTarget::kFile;
  spec.format = *format;
  spec.path = path;
  return spec;
}

/// What two outputs cannot share.
std::string Place(const OutputSpec& spec) {
  if (spec.target == OutputTarget::kStdout) return "-";
  if (spec.target == OutputTarget::kFile) return spec.path;
  const std::size_t format = spec.text.find("://");
  return spec.text.substr(spec.text.rfind(':', format - 1) == std::string::npos
                              ? 0
                              : spec.text.rfind(':', format - 1) + 1);
}

}  // namespace

Result<OutputSpec> ParseOutputSpec(std::string_view text) {
  OutputSpec spec;
  spec.text = text;
  std::optional<FormatKind> format;
  std::string_view target = text;
  const std::size_t colon = text.find(':');
  if (colon != std::string_view::npos && !text.substr(colon).starts_with("://")) {
    const std::string_view word = text.substr(0, colon);
    format = FormatNamed(word);
    if (format)
      target = text.substr(colon + 1);
    else if (IsWord(word))
      return Refuse(text, "'" + std::string(word) + "' is no format; there are " + FormatNames() +
                              ". A file of that name is ./" + std::string(text));
  }
  if (target == "-") {
    spec.format = format.value_or(FormatKind::kText);
    return spec;
  }
  const std::size_t scheme = target.find("://");
  if (scheme != std::string_view::npos && IsWord(target.substr(0, scheme)))
    return ReadUrl(target, format, std::move(spec));
  return ReadPath(target, format, std::move(spec));
}

Result<std::vector<OutputSpec>> ParseOutputSpecs(const std::vector<std::string>& texts) {
  std::vector<OutputSpec> specs;
  for (const std::string& text : texts) {
    auto spec = ParseOutputSpec(text);
    if (!spec) return tl::make_unexpected(spec.error());
    const auto same = [&](const OutputSpec& other) { return Place(other) == Place(*spec); };
    if (std::ranges::any_of(specs, same))
      return Refuse(text, "another output goes there, too; give each a place of its own");
    specs.push_back(std::move(*spec));
  }
  return specs;
}

}  // namespace tlscope
