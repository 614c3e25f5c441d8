// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

#include "agent/doctor/report.h"
#include "processor/text/utf8.h"

namespace tlscope {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;

DoctorReport WorkingHost() {
  DoctorReport report;
  report.version = "1.2.3";
  report.kernel = "6.1.0 x86_64";
  report.checks = {{"privileges", true, true, "all there"}};
  report.strategies = {{"payload", "unrolled loop", {"bpf_loop", "unrolled loop"}}};
  report.libraries = {{"/usr/lib/libssl.so.3",
                       "OpenSSL 3.0.17",
                       {"SSL_read"},
                       {"SSL_read_ex"},
                       true,
                       "",
                       "inner",
                       "public",
                       {{"SSL_read", "entry", 0x37f16, "emulated"},
                        {"SSL_read", "exit", 0x3801e, "emulated"},
                        {"SSL_read", "exit", 0x38022, "stepped"},
                        {"SSL_write", "entry", 0x38200, "stepped"}},
                       {{"SSL_sendfile", "it never returns"}},
                       7,
                       2}};
  report.processes = {{12, "curl", {0}, {}, 7, 7}};
  report.processes_seen = 3;
  report.trial = DoctorTrial{2, 7, 1000, 7};
  return report;
}

TEST(DoctorConclusionsTest, SaysThatACaptureWorks) {
  EXPECT_THAT(Conclusions(WorkingHost()),
              Contains("The capture works: 7 calls with 1000 bytes seen."));
}

TEST(DoctorConclusionsTest, SaysWhatIsMissingToCapture) {
  DoctorReport report = WorkingHost();
  report.checks[0] = {"privileges", false, true, "cannot watch without CAP_BPF"};
  EXPECT_FALSE(report.Works());
  EXPECT_THAT(Conclusions(report),
              Contains("A capture cannot work here: cannot watch without CAP_BPF."));
  report.checks[0].required = false;
  EXPECT_TRUE(report.Works());
  EXPECT_THAT(Conclusions(report), Not(Contains(HasSubstr("CAP_BPF"))));
}

TEST(DoctorConclusionsTest, SaysThatNobodyMapsALibrary) {
  DoctorReport report = WorkingHost();
  report.processes.clear();
  EXPECT_THAT(Conclusions(report), Contains(HasSubstr("No process maps OpenSSL")));
}

TEST(DoctorConclusionsTest, NamesThoseWhoUseOtherTls) {
  DoctorReport report = WorkingHost();
  for (std::uint32_t pid = 20; pid < 27; ++pid)
    report.processes.push_back({pid, "wget", {}, {"GnuTLS"}, 0, 0});
  report.processes.push_back({30, "caddy", {}, {"Go's crypto/tls"}, 0, 0});
  const auto sentences = Conclusions(report);
  EXPECT_THAT(sentences, Contains("TLS by Go's crypto/tls is not captured: caddy (30)."));
  EXPECT_THAT(sentences, Contains("TLS by GnuTLS is not captured: wget (20), wget (21), wget (22), "
                                  "wget (23), wget (24) and 2 more."));
}

TEST(DoctorConclusionsTest, SaysWhyALibraryIsNotAttachedTo) {
  DoctorReport report = WorkingHost();
  report.libraries[0].error = "cannot attach SSL_read: Invalid argument";
  EXPECT_THAT(
      Conclusions(report),
      Contains("Programs that use /usr/lib/libssl.so.3 are not captured: cannot attach SSL_read: "
               "Invalid argument."));
}

TEST(DoctorConclusionsTest, TellsSilenceFromUnknownPeers) {
  DoctorReport report = WorkingHost();
  report.trial = DoctorTrial{2, 0, 0, 0};
  EXPECT_THAT(Conclusions(report), Contains(HasSubstr("No TLS traffic went through")));
  report.trial = DoctorTrial{2, 4, 100, 3};
  EXPECT_THAT(Conclusions(report), Contains("The peer's address is unknown for 1 call."));
}

TEST(DoctorTextTest, ShowsEachPart) {
  const std::string text = DoctorText(WorkingHost());
  for (const char* part :
       {"tlscope 1.2.3 on Linux 6.1.0 x86_64", "ok      privileges: all there",
        "payload: unrolled loop (tried: bpf_loop, unrolled loop)", "version: OpenSSL 3.0.17",
        "reads at the inner function, writes at the public function",
        "\n    points:\n"
        "      SSL_read: entry 0x37f16 emulated, exit 0x3801e emulated, exit 0x38022 stepped\n"
        "      SSL_write: entry 0x38200 stepped\n"
        "    refused:\n      SSL_sendfile: it never returns\n",
        "hits: 7 (plus 2 in processes",
        "12 curl: /usr/lib/libssl.so.3; hits: 7, peer known for 100 %",
        "trial of 2 s: 7 calls, 1000 bytes, peer known for 100 %"}) {
    EXPECT_THAT(text, HasSubstr(part));
  }
}

TEST(DoctorTextTest, KeepsControlBytesOffTheTerminal) {
  DoctorReport report = WorkingHost();
  report.processes[0].comm = "\x1b]0;x\a";
  report.processes[0].other_tls = {"GnuTLS"};
  EXPECT_THAT(DoctorText(report), Not(HasSubstr("\x1b")));
}

/// What a parser makes of `json`, written anew without spaces; empty when it is none. Protocol
/// Buffers' own accessors are not to be used: under the thread sanitizer their inline code and the
/// library disagree on where a map lies (map_field.h).
std::string Reparsed(const std::string& json) {
  google::protobuf::Struct parsed;
  std::string text;
  if (!google::protobuf::util::JsonStringToMessage(json, &parsed).ok()) return {};
  EXPECT_TRUE(google::protobuf::util::MessageToJsonString(parsed, &text).ok());
  return text;
}

TEST(DoctorJsonTest, IsJsonWhateverProcessesCallThemselves) {
  DoctorReport report = WorkingHost();
  report.processes[0].comm = "a\"\\\x01\xff";
  const std::string text = Reparsed(DoctorJson(report));
  for (const char* part : {R"("works":true)", R"("peer_known_share":1)", R"("read_point":"inner")"})
    EXPECT_THAT(text, HasSubstr(part));
  report.trial.reset();
  EXPECT_THAT(Reparsed(DoctorJson(report)), HasSubstr(R"("trial":null)"));
}

TEST(DoctorJsonTest, HasWhereEachFunctionIsProbedAndWhyOneIsNot) {
  const std::string json = DoctorJson(WorkingHost());
  for (const char* part :
       {R"({"function": "SSL_read", "end": "exit", "offset": 229410, "cost": "stepped"})",
        R"("refused": [{"function": "SSL_sendfile", "reason": "it never returns"}])"})
    EXPECT_THAT(json, HasSubstr(part));
}

TEST(DoctorJsonTest, KeepsNamesBeyondAscii) {
  DoctorReport report = WorkingHost();
  report.processes[0].comm = "caf\u00e9 \u65e5\u672c \U0001F600";
  report.libraries[0].path = "/opt/\u00fcber/libssl.so";
  const std::string json = DoctorJson(report);
  EXPECT_TRUE(IsUtf8(json));
  EXPECT_THAT(json, HasSubstr("\"comm\": \"caf\u00e9 \u65e5\u672c \U0001F600\""));
  EXPECT_THAT(json, HasSubstr("\"path\": \"/opt/\u00fcber/libssl.so\""));
  EXPECT_THAT(Reparsed(json), HasSubstr("caf\u00e9 \u65e5\u672c \U0001F600"));
}

TEST(DoctorJsonTest, IsUtf8WhateverProcessesCallThemselves) {
  DoctorReport report = WorkingHost();
  report.processes[0].comm = "a\xff\xc3";
  report.processes[0].other_tls = {"\x80"};
  report.libraries[0].error = "\xed\xa0\x80";
  const std::string json = DoctorJson(report);
  EXPECT_TRUE(IsUtf8(json));
  EXPECT_THAT(json, HasSubstr("\"comm\": \"a\ufffd\ufffd\""));
  EXPECT_THAT(Reparsed(json), HasSubstr("a\ufffd\ufffd"));
}

}  // namespace
}  // namespace tlscope
