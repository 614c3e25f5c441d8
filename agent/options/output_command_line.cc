// SPDX-License-Identifier: Apache-2.0
#include "agent/options/output_command_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>
#include <utility>

#include "agent/options/option_checks.h"

namespace tlscope {
namespace {

constexpr const char* kOutputs = "Outputs";
constexpr const char* kConnections = "Collectors and Kafka";
constexpr const char* kMessages = "Messages";

std::vector<std::string> FormatNames() {
  std::vector<std::string> names;
  names.reserve(std::size(kFormats));
  for (const FormatInfo& info : kFormats) names.emplace_back(info.name);
  return names;
}

CLI::Validator FormatName() {
  return CLI::Validator(
      [](std::string& value) -> std::string {
        return FormatNamed(value) ? "" : ExpectedOneOf(value, FormatNames());
      },
      "");
}

// A size ends a file, or a period does, or whichever comes first.
CLI::Validator Rotation() {
  return CLI::Validator(
      [](std::string& value) -> std::string {
        if (value == "hour" || value == "day" || value == "week") return {};
        std::string bytes = value;
        if (!Size()(bytes).empty() || std::ranges::count(bytes, '0') == std::ssize(bytes))
          return ExpectedOneOf(value, {"hour", "day", "week", "a size such as 64MiB"});
        value = bytes;
        return {};
      },
      "");
}

void SetRotation(const std::vector<std::string>& words, const std::string& option,
                 RotationOptions& rotation) {
  const std::map<std::string, RotatePeriod> periods{
      {"hour", RotatePeriod::kHour}, {"day", RotatePeriod::kDay}, {"week", RotatePeriod::kWeek}};
  rotation.bytes = 0;
  rotation.period = RotatePeriod::kNever;
  for (const std::string& word : words) {
    const auto period = periods.find(word);
    const bool is_period = period != periods.end();
    if (is_period ? rotation.period != RotatePeriod::kNever : rotation.bytes != 0)
      throw CLI::ValidationError(option, "give one size and one period at most");
    if (is_period)
      rotation.period = period->second;
    else
      rotation.bytes = std::stoull(word);
  }
}

CLI::Validator OutputText() {
  return CLI::Validator(
      [](std::string& value) -> std::string {
        const auto spec = ParseOutputSpec(value);
        return spec ? std::string() : spec.error().Describe();
      },
      "");
}

void AddConnections(CLI::App& command, OutputOptions& options) {
  command.option_defaults()->group(kConnections);
  command
      .add_option("--spool-mib", options.spool_mib,
                  "Keep up to N MiB for each output whose collector is away")
      ->type_name("N")
      ->check(Number(1, 65536))
      ->capture_default_str();
  AddFile(command, "--tls-ca", options.tls_ca,
          "Trust collectors whose certificates an authority in FILE signed, instead of the "
          "system's authorities (PEM)");
  AddFile(command, "--tls-cert", options.tls_cert, "Show this certificate to collectors (PEM)");
  AddFile(command, "--tls-key", options.tls_key,
          "Private key of --tls-cert, if it is not in the same file (PEM)");
  command
      .add_option("--tls-server-name", options.tls_server_name,
                  "Name that the collector's certificate must have, if not the host of the URL")
      ->type_name("NAME")
      ->check(Nonempty("the server name"));
  command
      .add_option("--kafka-option", options.kafka_options,
                  "Set an option of librdkafka, such as security.protocol=ssl (repeatable)")
      ->type_name("KEY=VALUE")
      ->check(Setting());
}

Result<void> NeedTarget(const std::vector<OutputSpec>& specs, const char* option, const char* needs,
                        bool (*suits)(const OutputSpec&)) {
  if (std::ranges::any_of(specs, suits)) return {};
  return Fail(Errc::kUsage, 0, std::string("use ") + option, std::string("add ") + needs);
}

/// Outputs that have the plaintext as it passed have all bodies.
Result<void> CheckNoBodies(const OutputOptions& options, const std::vector<OutputSpec>& specs) {
  for (const OutputSpec& spec : specs) {
    if (spec.format == FormatKind::kPcapng)
      return Fail(Errc::kUsage, 0, "keep bodies out of " + spec.Name(),
                  "pcapng has the plaintext with all bodies: leave out --headers-only, or write "
                  "another format");
  }
  if (!options.plaintext) return {};
  return Fail(Errc::kUsage, 0, "use --headers-only with --plaintext",
              "the plaintext has bodies, too: leave out one of the two");
}

Result<void> CheckParts(const OutputOptions& options, const std::vector<OutputSpec>& specs) {
  const auto is_file = [](const OutputSpec& spec) { return spec.target == OutputTarget::kFile; };
  const auto is_tls = [](const OutputSpec& spec) { return spec.target == OutputTarget::kTls; };
  const auto is_kafka = [](const OutputSpec& spec) { return spec.target == OutputTarget::kKafka; };
  const auto is_protobuf = [](const OutputSpec& spec) {
    return spec.format == FormatKind::kProtobuf;
  };
  Result<void> checked;
  if (options.rotation != RotationOptions())
    checked = NeedTarget(specs, "--rotate, --rotate-keep or --rotate-gzip",
                         "an output to a file: -o PATH", is_file);
  if (checked &&
      !(options.tls_ca + options.tls_cert + options.tls_key + options.tls_server_name).empty())
    checked = NeedTarget(specs, "an option that begins with --tls-",
                         "an output over TLS: -o tls://HOST:PORT", is_tls);
  if (checked && !options.tls_key.empty() && options.tls_cert.empty())
    checked = Fail(Errc::kUsage, 0, "use --tls-key", "add --tls-cert FILE");
  if (checked && !options.kafka_options.empty())
    checked = NeedTarget(specs, "--kafka-option", "an output to Kafka: -o kafka://BROKERS/TOPIC",
                         is_kafka);
  if (checked && options.plaintext)
    checked =
        NeedTarget(specs, "--plaintext", "an output of protobuf: -o tcp://HOST:PORT", is_protobuf);
  if (checked && options.headers_only) checked = CheckNoBodies(options, specs);
  return checked;
}

}  // namespace

void AddOutputTargets(CLI::App& command, OutputOptions& options) {
  command.option_defaults()->group(kOutputs);
  command
      .add_option("-o,--output", options.outputs,
                  "Write to TARGET: - (standard output) or a path (repeatable)")
      ->type_name("[FORMAT:]TARGET")
      ->check(OutputText());
  std::string names;
  for (const std::string& name : FormatNames()) names += (names.empty() ? "" : "|") + name;
  command
      .add_option("--format", options.format,
                  "Write standard output in this format; short for -o FORMAT:-")
      ->type_name(names)
      ->check(FormatName());
  AddRotation(command, {"--rotate", "--rotate", "output file"}, options.rotation);
}

void AddOutputs(CLI::App& command, OutputOptions& options) {
  AddOutputTargets(command, options);
  command.get_option("--output")
      ->description(
          "Write to TARGET: - (standard output), a path, unix:///PATH, tcp://HOST:PORT, "
          "tls://HOST:PORT or kafka://BROKERS/TOPIC (repeatable)");
  command.add_flag("--plaintext", options.plaintext,
                   "Also send the plaintext as it passed in protobuf, for collectors that write "
                   "pcapng");
  AddConnections(command, options);
}

void AddMessageViews(CLI::App& command, OutputOptions& options) {
  command.option_defaults()->group(kMessages);
  AddSize(command, "--tsize", options.message_bytes,
          "Keep at most SIZE of each body; only the size of the rest is reported");
  AddSize(command, "--max-body", options.max_body_bytes,
          "Show at most SIZE of each body (0: as much as --tsize)");
  command.add_flag("--show-frames", options.show_frames, "Also print a line for each HTTP/2 frame");
  command.add_flag("--show-handshakes", options.show_handshakes,
                   "Also print a line for each part of a TLS handshake: version, server name, "
                   "protocols");
  command.add_flag("--headers-only", options.headers_only, "Keep no bodies, only their sizes");
  command.add_flag("--raw-body", options.raw_body, "Do not decompress bodies (gzip, br, ...)");
  AddTextViews(command, options);
}

void AddTextViews(CLI::App& command, OutputOptions& options) {
  command.option_defaults()->group(kMessages);
  AddFile(command, "--protoset", options.protoset_path,
          "Show gRPC messages as JSON, by the descriptors in FILE: the output of protoc "
          "--include_imports --descriptor_set_out=FILE");
  CLI::Option* const binary = AddChoice<BodyView>(
      command, "--binary", options.body_view,
      {{"auto", BodyView::kAuto}, {"show", BodyView::kShow}, {"hex", BodyView::kHex}},
      "Show binary bodies by size and type (auto), as they are (show) or like --hex (hex)");
  command
      .add_flag_callback(
          "--hex", [&options] { options.body_view = BodyView::kHex; }, "Show bodies as hex dumps")
      ->excludes(binary);
  command.add_flag("--pretty", options.pretty_json, "Indent JSON bodies");
  AddChoice<ColorMode>(
      command, "--color", options.color,
      {{"auto", ColorMode::kAuto}, {"always", ColorMode::kAlways}, {"never", ColorMode::kNever}},
      "Color the text; auto: on a terminal, unless NO_COLOR is set");
}

void AddProgress(CLI::App& command, ProgressStyle& style) {
  command.option_defaults()->group("Progress");
  CLI::Option* const option = AddChoice<ProgressStyle>(command, "--progress", style,
                                                       {{"compact", ProgressStyle::kCompact},
                                                        {"detailed", ProgressStyle::kDetailed},
                                                        {"bars", ProgressStyle::kBars},
                                                        {"none", ProgressStyle::kNone}},
                                                       "Show progress on a terminal in this way");
  command
      .add_flag_callback(
          "--no-progress", [&style] { style = ProgressStyle::kNone; }, "Do not show progress")
      ->excludes(option);
}

void AddRotation(CLI::App& command, const RotatedFile& file, RotationOptions& rotation) {
  const std::string option = file.option;
  command
      .add_option_function<std::vector<std::string>>(
          option,
          [option, &rotation](const std::vector<std::string>& words) {
            SetRotation(words, option, rotation);
          },
          "Start a new " + file.name +
              " at SIZE (64MiB) or every hour, day or week (repeatable: one size, one period)")
      ->type_name("SIZE|hour|day|week")
      ->delimiter(',')
      ->transform(Rotation());
  command
      .add_option(file.prefix + "-keep", rotation.keep,
                  "Keep the last N finished " + file.name + "s (0: all)")
      ->type_name("N")
      ->check(Number(0, 1'000'000))
      ->capture_default_str();
  command.add_flag(file.prefix + "-gzip", rotation.gzip, "Compress finished " + file.name + "s");
}

Result<std::vector<OutputSpec>> OutputsOf(const OutputOptions& options) {
  std::vector<std::string> texts = options.outputs;
  if (!options.format.empty()) texts.insert(texts.begin(), options.format + ":-");
  if (texts.empty()) texts.emplace_back("-");
  auto specs = ParseOutputSpecs(texts);
  if (!specs) return specs;
  TLSCOPE_TRY(CheckParts(options, *specs));
  return specs;
}

bool PrintsToTerminal(const OutputOptions& options) {
  const auto specs = OutputsOf(options);
  return specs && std::ranges::any_of(*specs, [](const OutputSpec& spec) {
           return GoesToTerminal(spec).value_or(false);
         });
}

}  // namespace tlscope
