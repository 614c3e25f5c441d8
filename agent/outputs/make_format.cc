// SPDX-License-Identifier: Apache-2.0
#include "agent/outputs/make_format.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "agent/terminal/color.h"
#include "processor/formats/hex_format.h"
#include "processor/formats/json_format.h"
#include "processor/formats/line_format.h"
#include "processor/formats/pcapng/pcapng_format.h"
#include "processor/formats/protobuf_format.h"
#include "processor/formats/text_format.h"
#include "processor/reflection/protoset.h"

namespace tlscope {
namespace {

// The option that says what is kept of a body.
const char* BodyLimitName(const OutputOptions& options) {
  if (options.headers_only) return "--headers-only";
  return BodyLimitOf(options) < options.message_bytes ? "--max-body" : "--tsize";
}

bool UseColor(ColorMode mode, bool terminal) {
  return mode == ColorMode::kAuto ? WantsColor(terminal) : mode == ColorMode::kAlways;
}

Result<TextFormatOptions> TextOptions(const OutputOptions& options, const FormatContext& context) {
  TextFormatOptions text;
  text.realtime_offset_ns = context.realtime_offset_ns;
  text.escape_control = context.terminal;
  text.color = UseColor(options.color, context.terminal);
  text.pretty_json = options.pretty_json;
  text.body_view = options.body_view;
  text.cut_by = BodyLimitName(options);
  if (options.protoset_path.empty()) return text;
  TLSCOPE_TRY(text.protoset, Protoset::Open(options.protoset_path));
  return text;
}

ProtobufFormatOptions ProtobufOptions(const OutputOptions& options, const FormatContext& context) {
  ProtobufFormatOptions protobuf;
  protobuf.realtime_offset_ns = context.realtime_offset_ns;
  protobuf.version = TLSCOPE_VERSION;
  protobuf.pid = static_cast<std::uint32_t>(getpid());
  protobuf.agent = context.identity;
  protobuf.plaintext = options.plaintext;
  protobuf.tags = options.tags;
  protobuf.delimited = context.delimited;
  return protobuf;
}

PcapngOptions PcapngOptionsOf(const FormatContext& context) {
  PcapngOptions pcapng;
  pcapng.realtime_offset_ns = context.realtime_offset_ns;
  pcapng.application = "tlscope " TLSCOPE_VERSION;
  return pcapng;
}

}  // namespace

Result<std::shared_ptr<Format>> MakeFormat(FormatKind kind, const OutputOptions& options,
                                           const FormatContext& context) {
  switch (kind) {
    case FormatKind::kText: {
      TLSCOPE_TRY(const auto text, TextOptions(options, context));
      return std::make_shared<TextFormat>(text);
    }
    case FormatKind::kHex:
      return std::make_shared<HexFormat>(context.realtime_offset_ns);
    case FormatKind::kLine:
      return std::make_shared<LineFormat>(context.realtime_offset_ns);
    case FormatKind::kJson:
      return std::make_shared<JsonFormat>(context.realtime_offset_ns);
    case FormatKind::kProtobuf:
      return std::make_shared<ProtobufFormat>(ProtobufOptions(options, context));
    case FormatKind::kPcapng:
      break;
  }
  return std::make_shared<PcapngFormat>(PcapngOptionsOf(context));
}

}  // namespace tlscope
