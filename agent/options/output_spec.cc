// SPDX-License-Identifier: Apache-2.0
#include "agent/options/output_spec.h"

#include <unistd.h>

#include <algorithm>
#include <optional>
#include <utility>

namespace tlscope {
namespace {

constexpr const char* kUrls =
    "expected unix:///PATH, tcp://HOST:PORT, tls://HOST:PORT or kafka://BROKERS/TOPIC";

auto Refuse(std::string_view text, std::string remedy) {
  return Fail(Errc::kUsage, 0, "write to '" + std::string(text) + "'", std::move(remedy));
}

std::string FormatList() {
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

bool IsScheme(std::string_view word) {
  return word == "unix" || word == "tcp" || word == "tls" || word == "kafka";
}

bool IsStdout(std::string_view path) {
  return path == "/dev/stdout" || path == "/dev/fd/1" || path == "/proc/self/fd/1";
}

std::optional<FormatKind> FormatOfPath(std::string_view path) {
  for (const FormatInfo& info : kFormats) {
    if (!info.extension.empty() && path.ends_with(info.extension)) return info.kind;
  }
  return std::nullopt;
}

OutputTarget TargetOf(StreamAddress::Kind kind) {
  switch (kind) {
    case StreamAddress::Kind::kUnix:
      return OutputTarget::kUnix;
    case StreamAddress::Kind::kTcp:
      return OutputTarget::kTcp;
    case StreamAddress::Kind::kTls:
      break;
  }
  return OutputTarget::kTls;
}

Result<OutputSpec> ReadKafka(const std::string& url, OutputSpec spec) {
  TLSCOPE_TRY(auto address, ParseKafkaAddress(url));
  if (spec.format == FormatKind::kPcapng)
    return Refuse(spec.text,
                  "Kafka takes protobuf and json: it would cut pcapng, one stream, into "
                  "messages");
  spec.target = OutputTarget::kKafka;
  spec.kafka = std::move(address);
  return spec;
}

Result<OutputSpec> ReadUrl(std::string_view target, std::optional<FormatKind> format,
                           OutputSpec spec) {
  const std::string url(target);
  spec.format = format.value_or(FormatKind::kProtobuf);
  if (url.starts_with("kafka://")) return ReadKafka(url, std::move(spec));
  const bool stream =
      url.starts_with("unix://") || url.starts_with("tcp://") || url.starts_with("tls://");
  if (!stream) return Refuse(spec.text, kUrls);
  TLSCOPE_TRY(auto address, ParseStreamAddress(url));
  spec.target = TargetOf(address.kind);
  spec.stream = std::move(address);
  return spec;
}

Result<OutputSpec> ReadPath(std::string_view path, std::optional<FormatKind> format,
                            OutputSpec spec) {
  if (path.empty() || path.ends_with('/'))
    return Refuse(spec.text, "name a file, - for standard output, or a URL");
  if (IsStdout(path)) return Refuse(spec.text, "standard output is -");
  if (path.starts_with("~/"))
    return Refuse(spec.text, "the shell expands ~ only at the beginning of a word: write $HOME" +
                                 std::string(path.substr(1)));
  if (!format) format = FormatOfPath(path);
  if (!format)
    return Refuse(spec.text, "its extension names no format: write text:" + std::string(path) +
                                 ", or end the name in .txt, .hex, .jsonl, .pb or .pcapng");
  spec.target = OutputTarget::kFile;
  spec.format = *format;
  spec.path = path;
  return spec;
}

/// What two outputs cannot share.
std::string SharedTargetOf(const OutputSpec& spec) {
  switch (spec.target) {
    case OutputTarget::kStdout:
      return "-";
    case OutputTarget::kFile:
      return spec.path;
    case OutputTarget::kKafka:
      return spec.kafka.Url();
    case OutputTarget::kUnix:
    case OutputTarget::kTcp:
    case OutputTarget::kTls:
      break;
  }
  return spec.stream.Url();
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
    else if (IsScheme(word))
      return Refuse(text, kUrls);
    else if (IsWord(word))
      return Refuse(text, "unknown format '" + std::string(word) + "': expected one of " +
                              FormatList() + "; a file of that name is ./" + std::string(text));
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

Result<bool> GoesToTerminal(const OutputSpec& spec) {
  const bool terminal = spec.target == OutputTarget::kStdout && isatty(STDOUT_FILENO) == 1;
  if (!terminal || !InfoOf(spec.format).binary) return terminal;
  const std::string name(InfoOf(spec.format).name);
  return Fail(Errc::kUsage, 0, "write " + name + " to a terminal",
              "redirect standard output, or name a file with -o " + name + ":PATH");
}

Result<std::vector<OutputSpec>> ParseOutputSpecs(const std::vector<std::string>& texts) {
  std::vector<OutputSpec> specs;
  for (const std::string& text : texts) {
    TLSCOPE_TRY(auto spec, ParseOutputSpec(text));
    const auto same = [&](const OutputSpec& other) {
      return SharedTargetOf(other) == SharedTargetOf(spec);
    };
    if (std::ranges::any_of(specs, same))
      return Refuse(text, "another output goes there, too: give each its own target");
    specs.push_back(std::move(spec));
  }
  return specs;
}

}  // namespace tlscope
