// SPDX-License-Identifier: Apache-2.0
#include "agent/options/output_command_line.h"

#include <algorithm>
#include <map>
#include <utility>

#include "agent/options/option_checks.h"

namespace tlscope {
namespace {

constexpr const char* kFormatsAre =
    "formats are text, line, hex, json, protobuf and pcapng (repeatable)";

// A size ends a file, or a period does, or whichever comes first.
CLI::Validator Rotation() {
  return CLI::Validator(
      [](std::string& value) -> std::string {
        if (value == "hour" || value == "day" || value == "week") return {};
        std::string bytes = value;
        if (!Size()(bytes).empty() || std::ranges::count(bytes, '0') == std::ssize(bytes))
          return "'" + value + "' is none of hour, day, week and a size, such as 64MiB";
        value = bytes;
        return {};
      },
      "SIZE|hour|day|week");
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
      throw CLI::ValidationError(option, "takes one size and one period at most");
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
      "[FORMAT:]TARGET");
}

void AddConnections(CLI::App& command, OutputOptions& options) {
  command
      .add_option("--spool-mib", options.spool_mib,
                  "Kept for a collector that is away, in MiB for each output")
      ->check(CLI::Range(1, 65536))
      ->capture_default_str();
  command
      .add_option("--tls-ca", options.tls_ca,
                  "Trust collectors whose certificates these authorities signed, not the system's")
      ->check(CLI::ExistingFile);
  command.add_option("--tls-cert", options.tls_cert, "Certificate to show to collectors (PEM)")
      ->check(CLI::ExistingFile);
  command
      .add_option("--tls-key", options.tls_key, "Its private key (PEM), unless in the same file")
      ->check(CLI::ExistingFile);
  command
      .add_option("--tls-server-name", options.tls_server_name,
                  "Name that the collector's certificate has to have, if not that of the URL")
      ->type_name("NAME")
      ->check(Nonempty("the server's name"));
  command
      .add_option("--kafka-option", options.kafka_options,
                  "Setting of librdkafka, such as security.protocol=ssl (repeatable)")
      ->type_name("KEY=VALUE")
      ->check(Setting());
}

Result<void> NeedTarget(const std::vector<OutputSpec>& specs, const char* option, const char* needs,
                        bool (*suits)(const OutputSpec&)) {
  if (std::ranges::any_of(specs, suits)) return {};
  return Fail(Errc::kUsage, 0, std::string("use ") + option, std::string("it needs ") + needs);
}

/// Outputs that have the plaintext as it passed have all bodies.
Result<void> CheckNoBodies(const OutputOptions& options, const std::vector<OutputSpec>& specs) {
  for (const OutputSpec& spec : specs) {
    if (spec.format == FormatKind::kPcapng)
      return Fail(Errc::kUsage, 0, "keep bodies out of " + spec.Name(),
                  "pcapng has the plaintext as it passed: leave out --headers-only, or write "
                  "another format");
  }
  if (!options.plaintext) return {};
  return Fail(Errc::kUsage, 0, "use --headers-only with --plaintext",
              "the plaintext as it passed has bodies, too: leave out one of them");
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
    checked = Fail(Errc::kUsage, 0, "use --tls-key", "it needs --tls-cert FILE");
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
  command
      .add_option(
          "-o,--output", options.outputs,
          std::string("Where to write, and as what: - (standard output) or a path; ") + kFormatsAre)
      ->check(OutputText());
  command
      .add_option("--format", options.format,
                  "Short for -o FORMAT:-; text: messages as they were sent; line: one line per "
                  "exchange; json: one object per message or exchange")
      ->check(FormatName());
  AddRotation(command, "--rotate", "each output file", options.rotation);
}

void AddOutputs(CLI::App& command, OutputOptions& options) {
  AddOutputTargets(command, options);
  command.get_option("--output")
      ->description(
          std::string("Where to write, and as what: - (standard output), a path, unix:///PATH, "
                      "tcp://HOST:PORT, tls://HOST:PORT or kafka://BROKERS/TOPIC; ") +
          kFormatsAre);
  command.add_flag("--plaintext", options.plaintext,
                   "Send the plaintext as it passed in protobuf, too, for collectors that write "
                   "pcapng");
  AddConnections(command, options);
}

void AddMessageViews(CLI::App& command, OutputOptions& options) {
  AddSize(command, "--tsize", options.message_bytes,
          "Bytes kept of one message's body; the rest is reported by size");
  AddSize(command, "--max-body", options.max_body_bytes,
          "Bytes shown of a body, if less than --tsize; 0 for no further limit");
  command.add_flag("--show-frames", options.show_frames, "Print a line for each HTTP/2 frame, too");
  command.add_flag("--show-handshakes", options.show_handshakes,
                   "Print lines for each TLS handshake, too: version, server name, protocols");
  command.add_flag("--headers-only", options.headers_only, "Keep no bodies, only their sizes");
  command.add_flag("--raw-body", options.raw_body,
                   "Leave bodies in the codings they were sent in (gzip, br and so on)");
  AddTextViews(command, options);
}

void AddTextViews(CLI::App& command, OutputOptions& options) {
  command
      .add_option("--protoset", options.protoset_path,
                  "Show gRPC messages as JSON by the descriptors in this file")
      ->check(CLI::ExistingFile);
  CLI::Option* const binary = AddChoice<BodyView>(
      command, "--binary", options.body_view,
      {{"auto", BodyView::kAuto}, {"show", BodyView::kShow}, {"hex", BodyView::kHex}},
      "Binary bodies: auto, by size and type; show, as they are; hex, as --hex");
  command
      .add_flag_callback(
          "--hex", [&options] { options.body_view = BodyView::kHex; }, "Bodies as hex dumps")
      ->excludes(binary);
  command.add_flag("--pretty", options.pretty_json, "Lay out JSON bodies over lines");
  AddChoice<ColorMode>(
      command, "--color", options.color,
      {{"auto", ColorMode::kAuto}, {"always", ColorMode::kAlways}, {"never", ColorMode::kNever}},
      "Colour the text; auto: on a terminal, unless NO_COLOR is set");
}

void AddProgress(CLI::App& command, ProgressStyle& style) {
  CLI::Option* const option = AddChoice<ProgressStyle>(command, "--progress", style,
                                                       {{"compact", ProgressStyle::kCompact},
                                                        {"detailed", ProgressStyle::kDetailed},
                                                        {"bars", ProgressStyle::kBars},
                                                        {"none", ProgressStyle::kNone}},
                                                       "How to show on a terminal how far it is");
  command
      .add_flag_callback(
          "--no-progress", [&style] { style = ProgressStyle::kNone; }, "Do not show how far it is")
      ->excludes(option);
}

void AddRotation(CLI::App& command, const std::string& prefix, const std::string& what,
                 RotationOptions& rotation) {
  const std::string option = prefix == "--rotate" ? prefix : prefix + "-rotate";
  command
      .add_option_function<std::vector<std::string>>(
          option,
          [option, &rotation](const std::vector<std::string>& words) {
            SetRotation(words, option, rotation);
          },
          "Begin another file of " + what +
              " after so many bytes, or with each hour, day or week (repeatable)")
      ->delimiter(',')
      ->transform(Rotation());
  command
      .add_option(prefix + "-keep", rotation.keep, "Ended files of " + what + " to keep; 0 for all")
      ->check(Count(1'000'000))
      ->capture_default_str();
  command.add_flag(prefix + "-gzip", rotation.gzip, "Compress ended files of " + what);
}

Result<std::vector<OutputSpec>> OutputsOf(const OutputOptions& options) {
  std::vector<std::string> texts = options.outputs;
  if (!options.format.empty()) texts.insert(texts.begin(), options.format + ":-");
  if (texts.empty()) texts.emplace_back("-");
  auto specs = ParseOutputSpecs(texts);
  if (!specs) return specs;
  if (auto checked = CheckParts(options, *specs); !checked)
    return tl::make_unexpected(checked.error());
  return specs;
}

bool PrintsToTerminal(const OutputOptions& options) {
  const auto specs = OutputsOf(options);
  return specs && std::ranges::any_of(*specs, [](const OutputSpec& spec) {
           return GoesToTerminal(spec).value_or(false);
         });
}

}  // namespace tlscope
