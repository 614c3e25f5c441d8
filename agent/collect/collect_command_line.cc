// SPDX-License-Identifier: Apache-2.0
#include "agent/collect/collect_command_line.h"

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
      "URL");
}

CLI::Validator MessageSize() {
  return CLI::Validator(
      [](std::string& value) -> std::string {
        const std::uint64_t bytes = std::stoull(value);  // Size() has seen to that
        if (bytes >= kLeastMessageBytes && bytes <= kMostMessageBytes) return {};
        return "'" + value + "' is no size from 1 KiB to 1 GiB";
      },
      "");
}

void AddTls(CLI::App& collect, TlsFiles& tls) {
  CLI::Option* const certificate =
      collect
          .add_option("--tls-cert", tls.certificate, "Certificate for tls://, with its chain (PEM)")
          ->check(CLI::ExistingFile);
  collect.add_option("--tls-key", tls.key, "Its private key (PEM)")
      ->check(CLI::ExistingFile)
      ->needs(certificate);
  collect
      .add_option("--tls-client-ca", tls.client_ca,
                  "Take only agents whose certificates these authorities signed (PEM)")
      ->check(CLI::ExistingFile)
      ->needs(certificate);
}

}  // namespace

CLI::App* AddCollect(CLI::App& app, CollectOptions& options) {
  CLI::App* const collect = app.add_subcommand(
      "collect", "Receive what agents send with -o URL, and write it to files or standard output");
  CLI::Option* const listen =
      collect
          ->add_option("--listen", options.listen,
                       "Where agents connect: unix:///PATH, tcp://ADDRESS:PORT or "
                       "tls://ADDRESS:PORT (repeatable)")
          ->type_name("URL")
          ->allow_extra_args(false)
          ->check(ListenUrl());
  collect
      ->add_option("--import", options.import_path,
                   "Read this file, which -o FILE.pb wrote, instead of listening")
      ->check(CLI::ExistingFile)
      ->excludes(listen);
  AddOutputTargets(*collect, options);
  AddTextViews(*collect, options);
  AddProgress(*collect, options.progress);
  AddTls(*collect, options.tls);
  AddSize(*collect, "--max-message", options.limits.message_bytes,
          "Bytes of the largest entry that is taken")
      ->check(MessageSize());
  collect->add_option("--max-clients", options.limits.clients, "Agents at a time")
      ->check(CLI::Range(std::size_t{1}, StreamPositions::kMost))
      ->capture_default_str();
  collect->add_flag("-q,--quiet", options.quiet, "Print warnings and errors only");
  collect->callback([&options] {
    const bool tls = std::any_of(options.listen.begin(), options.listen.end(),
                                 [](const std::string& url) { return url.starts_with("tls://"); });
    if (!tls && !options.tls.certificate.empty()) {
      throw CLI::ValidationError(
          "--tls-cert", "nobody is listened to over TLS; name --listen tls://ADDRESS:PORT");
    }
    if (options.listen.empty() && options.import_path.empty()) {
      throw CLI::ValidationError("collect",
                                 "name where agents connect with --listen URL, such as "
                                 "--listen tcp://0.0.0.0:4317");
    }
  });
  return collect;
}

}  // namespace tlscope
