// SPDX-License-Identifier: Apache-2.0
#include "agent/client/ctl.h"

#include <cerrno>
#include <cstdio>
#include <string>

#include "agent/status/agent_status.h"
#include "processor/ipc/client.h"
#include "processor/reflection/json_message.h"

namespace tlscope {
namespace {

/// Of a status every field is shown, so that programs find the same keys always.
std::string Json(const v1::Reply& reply) {
  std::string text;
  if (reply.has_status()) {
    AppendJsonMessage(reply.status(), UnsetFields::kShow, text);
  } else {
    AppendJsonMessage(reply, UnsetFields::kShow, text);
  }
  return text + '\n';
}

std::string Text(const v1::Reply& reply) {
  std::string text = reply.text();
  if (!text.empty() && !text.ends_with('\n')) text.push_back('\n');
  if (reply.has_status()) text += StatusText(reply.status());
  return text;
}

}  // namespace

Result<void> RunControl(const ControlCommand& command) {
  TLSCOPE_TRY(IpcClient client, IpcClient::Connect({.instance = command.instance}));
  TLSCOPE_TRY(const v1::Reply reply, client.Request(command.command));
  const std::string text = command.json ? Json(reply) : Text(reply);
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0)
    return Fail(Errc::kSystem, errno, "write to standard output");
  return {};
}

}  // namespace tlscope
