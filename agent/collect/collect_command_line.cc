// SPDX-License-Identifier: Apache-2.0
#include "agent/collect/collect_command_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdint>
#include <string>

#include "agent/options/option_checks.h"
#include "agent/options/output_command_line.h"
#include "processor/collector/storage/stream_positions.h"

namespace tlscope {
namespace {

// An agent's entry has a message of --tsize (16 MiB) at most by default, and its head.
constexpr std::uint64_t kLeastMessageBytes = std::uint64_t{1} << 10;
constexpr std::uint64_t kMostMessageBytes = std::uint64_t{1} << 30;

CLI::Validator ListenUrl() {
  return CLI::Validator(
      [](std::string& value) -> std::string {
        const auto target = ListenTarget::Parse(value);
        return target ? std::string() : target.error().Describe();
      },
      "");
}

CLI::Validator MessageSize() {
  return CLI::Validator(
      [](std::string& value) -> std::string {
        const std::uint64_t bytes = std::stoull(value);  // Size() has seen to that
        if (bytes >= kLeastMessageBytes && bytes <= kMostMessageBytes) return {};
        return "invalid size '" + value + "': expected 1KiB to 1GiB";
      },
      "");
}

void AddTls(CLI::App& collect, TlsFiles& tls) {
  CLI::Option* const certificate = AddFile(collect, "--tls-cert", tls.certificate,
                                           "Certificate for tls://, with its chain (PEM)");
  AddFile(collect, "--tls-key", tls.key, "Private key of --tls-cert (PEM)")->needs(certificate);
  AddFile(collect, "--tls-client-ca", tls.client_ca,
          "Accept only agents whose certificates an authority in FILE signed (PEM)")
      ->needs(certificate);
}

}  // namespace

CLI::App* AddCollect(CLI::App& app, CollectOptions& options) {
  CLI::App* const collect = app.add_subcommand(
      "collect", "Receive what agents send with -o URL, and write it to files or standard output");
  collect->option_defaults()->group("Agents");
  CLI::Option* const listen =
      collect
          ->add_option("--listen", options.listen,
                       "Accept agents at unix:///PATH, tcp://ADDRESS:PORT or tls://ADDRESS:PORT "
                       "(repeatable)")
          ->type_name("URL")
          ->allow_extra_args(false)
          ->check(ListenUrl());
  AddFile(*collect, "--import", options.import_path,
          "Read FILE, which -o FILE.pb wrote, instead of listening")
      ->excludes(listen);
  AddTls(*collect, options.tls);
  AddSize(*collect, "--max-message", options.limits.message_bytes,
          "Accept entries of at most SIZE, 1KiB to 1GiB")
      ->check(MessageSize());
  collect->add_option("--max-clients", options.limits.clients, "Accept at most N agents at a time")
      ->type_name("N")
      ->check(Number(1, StreamPositions::kMost))
      ->capture_default_str();
  AddOutputTargets(*collect, options);
  AddTextViews(*collect, options);
  AddProgress(*collect, options.progress);
  collect->option_defaults()->group("Diagnostics");
  collect->add_flag("-q,--quiet", options.quiet, "Print only warnings and errors");
  collect->callback([&options] {
    const bool tls = std::any_of(options.listen.begin(), options.listen.end(),
                                 [](const std::string& url) { return url.starts_with("tls://"); });
    if (!tls && !options.tls.certificate.empty()) {
      throw CLI::ValidationError("--tls-cert",
                                 "no agent can connect over TLS: add --listen tls://ADDRESS:PORT");
    }
    if (options.listen.empty() && options.import_path.empty()) {
      throw CLI::ValidationError("collect",
                                 "add --listen URL, such as --listen tcp://0.0.0.0:4317");
    }
  });
  return collect;
}

}  // namespace tlscope
