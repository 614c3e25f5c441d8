// SPDX-License-Identifier: Apache-2.0
#include "agent/options/capture_command_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

namespace tlscope {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class CaptureCommandLineTest : public ::testing::Test {
 protected:
  CaptureCommandLineTest() { close(mkstemp(path_.data())); }
  ~CaptureCommandLineTest() override { unlink(path_.c_str()); }

  Result<CaptureOptions> Parse(std::vector<std::string> words) {
    words.insert(words.begin(), {"tlscope", "capture"});
    return ParseCaptureOptions(words);
  }
  Result<CaptureOptions> ParseWithFile(const std::string& text,
                                       std::vector<std::string> words = {}) {
    std::ofstream(path_) << text;
    words.insert(words.end(), {"--config", path_});
    return Parse(std::move(words));
  }
  static CaptureOptions Good(const Result<CaptureOptions>& options) {
    EXPECT_TRUE(options.has_value()) << options.error().Describe();
    return options.value_or(CaptureOptions{});
  }
  static std::string Refusal(const Result<CaptureOptions>& options) {
    if (options) return "taken without complaint";
    EXPECT_EQ(options.error().code, Errc::kUsage);
    return options.error().Describe();
  }

  std::string path_ = "/tmp/tlscope-config-XXXXXX";
};

TEST_F(CaptureCommandLineTest, ReadsEveryKindOfOptionFromTheFile) {
  const CaptureOptions options =
      Good(ParseWithFile("port = [443, 8443]\n"
                         "comm = \"nginx\"\n"
                         "headers-only = true\n"
                         "tsize = \"64KiB\"\n"
                         "format = \"line\"\n"
                         "heartbeat = 5\n"
                         "hex = true\n"
                         "event-log = \"/var/log/tlscope/%F.jsonl\"\n"
                         "event-log-rotate = [\"10MiB\", \"day\"]\n"
                         "tag = [\"env=prod # 1\", \"team=web\"]\n"));
  EXPECT_THAT(options.ports, ElementsAre(443, 8443));
  EXPECT_THAT(options.comms, ElementsAre("nginx"));
  EXPECT_TRUE(options.headers_only);
  EXPECT_EQ(options.message_bytes, 64U << 10);
  EXPECT_EQ(options.format, "line");
  EXPECT_EQ(options.heartbeat_s, 5U);
  EXPECT_EQ(options.body_view, BodyView::kHex);
  EXPECT_EQ(options.event_log, "/var/log/tlscope/%F.jsonl");
  EXPECT_EQ(options.event_log_rotation.bytes, 10U << 20);
  EXPECT_EQ(options.event_log_rotation.period, RotatePeriod::kDay);
  EXPECT_THAT(options.tags, ElementsAre("env=prod # 1", "team=web"));
  EXPECT_EQ(options.config_path, path_);
}

TEST_F(CaptureCommandLineTest, LetsTheCommandLineGoFirst) {
  const CaptureOptions options =
      Good(ParseWithFile("[capture]\nport = 443\nheaders-only = true\nbinary = \"show\"\npretty = "
                         "false\nwait = true\n",
                         {"--port", "8443", "--headers-only=false", "--hex", "--pretty"}));
  EXPECT_THAT(options.ports, ElementsAre(8443));
  EXPECT_FALSE(options.headers_only);
  EXPECT_EQ(options.body_view, BodyView::kHex);
  EXPECT_TRUE(options.pretty_json);
  EXPECT_TRUE(options.wait_for_library);
}

TEST_F(CaptureCommandLineTest, ReadsTheFileAnewEachTime) {
  EXPECT_EQ(Good(ParseWithFile("max-body = 1000\n")).max_body_bytes, 1000U);
  EXPECT_EQ(Good(ParseWithFile("max-body = 2000\n")).max_body_bytes, 2000U);
  EXPECT_EQ(Good(ParseWithFile("")).max_body_bytes, 0U);
}

TEST_F(CaptureCommandLineTest, RefusesAFileWithTheKeyTheLineAndWhatToDo) {
  EXPECT_THAT(
      Refusal(ParseWithFile("wait = true\nprot = 443\n")),
      AllOf(HasSubstr(path_ + ":2:1"), HasSubstr("'prot'"), HasSubstr("tlscope capture --help")));
  EXPECT_THAT(Refusal(ParseWithFile("q = true\n")), HasSubstr("unknown key 'q'"));
  EXPECT_THAT(Refusal(ParseWithFile("config = \"other\"\n")), HasSubstr("unknown key 'config'"));
  EXPECT_THAT(Refusal(ParseWithFile("help = true\n")), HasSubstr("unknown key 'help'"));
  EXPECT_THAT(Refusal(ParseWithFile("tsize = [1, 2]\n")), HasSubstr("takes one value"));
  EXPECT_THAT(Refusal(ParseWithFile("wait = yes\n")), HasSubstr("true or false"));
  EXPECT_THAT(Refusal(ParseWithFile("wait = [true, true]\n")), HasSubstr("takes one value"));
  EXPECT_THAT(Refusal(ParseWithFile("port = 0\n")),
              AllOf(HasSubstr("--port"), HasSubstr(path_ + ":1:1")));
  EXPECT_THAT(Refusal(ParseWithFile("binary = \"show\"\nhex = true\n")), HasSubstr("--binary"));
  EXPECT_THAT(Refusal(ParseWithFile("tsize = 99999999999999999999\n")), HasSubstr("invalid size"));
  // An agent that reads its file again is to live on.
  EXPECT_THAT(Refusal(ParseWithFile("output = \"x.txt\"\nrotate = 99999999999999999999\n")),
              HasSubstr("--rotate"));
}

TEST_F(CaptureCommandLineTest, RefusesAFileThatIsNotThere) {
  EXPECT_THAT(Refusal(Parse({"--config", "/no/such/file"})), HasSubstr("/no/such/file"));
}

TEST_F(CaptureCommandLineTest, KnowsWhetherTheInstanceWasNamed) {
  EXPECT_EQ(Good(Parse({})).instance, "default");
  EXPECT_FALSE(Good(Parse({})).instance_given);
  EXPECT_TRUE(Good(Parse({"--instance", "default"})).instance_given);
  EXPECT_TRUE(Good(ParseWithFile("instance = \"web\"\n")).instance_given);
}

TEST_F(CaptureCommandLineTest, TakesWhatControlsTheAgent) {
  const CaptureOptions options = Good(Parse({"--runtime-dir",
                                             "/tmp/x",
                                             "--ipc-group",
                                             "adm",
                                             "--ipc-public",
                                             "--event-log",
                                             "log",
                                             "--event-log-payload",
                                             "--event-log-keep",
                                             "7",
                                             "--event-log-gzip",
                                             "--event-log-rotate",
                                             "week,1GiB",
                                             "--metrics",
                                             "[::1]:9464",
                                             "--max-events-per-second",
                                             "1000",
                                             "--tag",
                                             "a=b",
                                             "--tag",
                                             "c="}));
  EXPECT_EQ(options.runtime_dir, "/tmp/x");
  EXPECT_EQ(options.ipc_group, "adm");
  EXPECT_TRUE(options.ipc_public);
  EXPECT_TRUE(options.event_log_payload);
  EXPECT_EQ(options.event_log_rotation.keep, 7U);
  EXPECT_TRUE(options.event_log_rotation.gzip);
  EXPECT_EQ(options.event_log_rotation.period, RotatePeriod::kWeek);
  EXPECT_EQ(options.event_log_rotation.bytes, 1U << 30);
  EXPECT_EQ(options.metrics, "[::1]:9464");
  EXPECT_EQ(options.max_events_per_second, 1000U);
  EXPECT_THAT(options.tags, ElementsAre("a=b", "c="));
}

TEST_F(CaptureCommandLineTest, RefusesValuesThatMakeNoSense) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> refused{
      {{"--instance", "a/b"}, "a/b"},
      {{"--instance", ".."}, ".."},
      {{"--instance", std::string(65, 'a')}, "aaa"},
      {{"--runtime-dir", ""}, "--runtime-dir"},
      {{"--ipc-group", ""}, "--ipc-group"},
      {{"--event-log", ""}, "--event-log"},
      {{"--event-log", "x", "--event-log-rotate", "month"}, "month"},
      {{"--event-log", "x", "--event-log-rotate", "0"}, "'0'"},
      {{"--event-log", "x", "--event-log-rotate", "-1"}, "-1"},
      {{"--event-log", "x", "--event-log-rotate", "1,2"}, "one size"},
      {{"--event-log", "x", "--event-log-rotate", "day", "--event-log-rotate", "hour"},
       "one period"},
      {{"--event-log", "x", "--event-log-keep", "-1"}, "-1"},
      {{"--event-log-gzip"}, "--event-log PATTERN"},
      {{"--metrics", "localhost:9464"}, "localhost:9464"},
      {{"--metrics", "127.0.0.1"}, "127.0.0.1"},
      {{"--metrics", "::1:9464"}, "::1:9464"},
      {{"--metrics", "127.0.0.1:0"}, "127.0.0.1:0"},
      {{"--max-events-per-second", "-1"}, "-1"},
      {{"--heartbeat", "1.5"}, "1.5"},
      {{"--tag", "nothing"}, "nothing"},
      {{"--tag", "=value"}, "=value"},
      {{"--tag", "a b=c"}, "a b=c"},
      {{"--config", ""}, "--config"},
      {{"--no-ipc", "--ipc-public"}, "--no-ipc"}};
  for (const auto& [words, word] : refused) {
    SCOPED_TRACE(::testing::PrintToString(words));
    EXPECT_THAT(Refusal(Parse(words)), HasSubstr(word));
  }
}

}  // namespace
}  // namespace tlscope
