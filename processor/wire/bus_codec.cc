// SPDX-License-Identifier: Apache-2.0
#include "processor/wire/bus_codec.h"

#include "processor/wire/payload_encoder.h"
#include "processor/wire/proto_writer.h"
#include "tlscope/v1/events.pb.h"

namespace tlscope {

std::string EncodeTags(const std::vector<std::string>& tags) {
  return EncodeTags(tags, v1::Correlation::kTagsFieldNumber);
}

std::string EncodeTags(const std::vector<std::string>& tags, int field) {
  std::size_t bytes = 0;
  for (const std::string& tag : tags) bytes += tag.size() + ProtoWriter::kMaxOverhead;
  std::string encoded(bytes, '\0');
  ProtoWriter out(encoded.data());
  for (const std::string& tag : tags) out.PutBytes(field, tag);
  encoded.resize(static_cast<std::size_t>(out.end() - encoded.data()));
  return encoded;
}

std::size_t EncodeStamp(const EventStamp& stamp, std::string_view encoded_tags, char* out) {
  using Event = v1::BusEvent;
  using Tree = v1::Correlation;
  ProtoWriter writer(out);
  writer.Varint(Event::kSequenceFieldNumber, stamp.topic_sequence);
  writer.Signed(Event::kTimeUnixNsFieldNumber, stamp.time_unix_ns);
  writer.Bytes(Event::kTopicFieldNumber, TopicName(stamp.topic));
  writer.Varint(Event::kKindFieldNumber, static_cast<std::uint64_t>(stamp.kind));
  const auto nested = writer.Begin(Event::kCorrelationFieldNumber);
  writer.Fixed64(Tree::kIdFieldNumber, stamp.correlation.id);
  writer.Fixed64(Tree::kParentIdFieldNumber, stamp.correlation.parent);
  writer.Fixed64(Tree::kRootIdFieldNumber, stamp.correlation.root);
  writer.Varint(Tree::kSequenceFieldNumber, stamp.root_sequence);
  writer.Bytes(Tree::kStageFieldNumber, StageName(stamp.correlation.stage));
  writer.Raw(encoded_tags);
  writer.End(nested);
  return static_cast<std::size_t>(writer.end() - out);
}

std::string_view EncodePayload(Topic topic, const BusPayload& payload, const PayloadLimits& limits,
                               std::vector<char>& buffer, EventKind& kind) {
  return PayloadEncoder(topic, limits, buffer).Encode(payload, kind);
}

}  // namespace tlscope
