// SPDX-License-Identifier: Apache-2.0
#include "processor/collector/parse_entry.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>

#include "processor/wire/delimited.h"

namespace tlscope {
namespace {

/// A field of fixed 32 bits.
std::string Fixed32Field(std::uint32_t number) {
  std::string field;
  AppendVarint(number << 3 | 5, field);
  return field + std::string(4, '\0');
}

std::string Repeated(const std::string& field, std::size_t times) {
  std::string bytes;
  bytes.reserve(field.size() * times);
  for (std::size_t i = 0; i < times; ++i) bytes += field;
  return bytes;
}

/// Whether exactly kMaxEntryParts times `field` are taken beside what `entry` says, with `wrap`
/// around them.
template <class Wrap>
void ExpectBound(const std::string& field, const Wrap& wrap) {
  v1::LogEntry entry;
  EXPECT_TRUE(ParseEntry(wrap(Repeated(field, kMaxEntryParts)), entry));
  EXPECT_FALSE(ParseEntry(wrap(Repeated(field, kMaxEntryParts + 1)), entry));
}

TEST(ParseEntryTest, BoundsFieldsThatAreNotKnown) {
  ExpectBound(Fixed32Field(5000), [](std::string bytes) { return bytes; });
}

TEST(ParseEntryTest, BoundsKnownFieldsOfAnotherType) {
  ExpectBound(Fixed32Field(v1::LogEntry::kSequenceFieldNumber),
              [](std::string bytes) { return bytes; });
}

TEST(ParseEntryTest, BoundsElementsOfRepeatedFieldsWithinMessages) {
  v1::BusEvent event;
  event.mutable_message_decoded()->add_gaps();
  v1::LogEntry whole;
  *whole.mutable_bus_event() = event;
  const std::string gap = event.message_decoded().SerializeAsString();
  ExpectBound(gap, [](const std::string& gaps) {
    const auto within = [](int number, const std::string& contents) {
      std::string field;
      AppendVarint(static_cast<std::uint32_t>(number) << 3 | 2, field);
      AppendVarint(contents.size(), field);
      return field + contents;
    };
    return within(v1::LogEntry::kBusEventFieldNumber,
                  within(v1::BusEvent::kMessageDecodedFieldNumber, gaps));
  });
}

TEST(ParseEntryTest, TakesNoGroups) {
  v1::LogEntry entry;
  const std::string group{'\x7b', '\x7c'};  // field 15 begins and ends
  EXPECT_TRUE(ParseEntry(group, entry)) << "a few fields are not worth the look";
  const std::string many = '\x7b' + Repeated(Fixed32Field(5000), kMaxEntryParts) + '\x7c';
  EXPECT_FALSE(ParseEntry(many, entry));
}

TEST(ParseEntryTest, TakesLargeEntriesOfFewParts) {
  v1::LogEntry sent;
  sent.set_sequence(7);
  sent.mutable_event_payload()->set_payload(std::string(8U << 20, '\x0a'));
  v1::LogEntry entry;
  ASSERT_TRUE(ParseEntry(sent.SerializeAsString(), entry));
  EXPECT_EQ(entry.sequence(), 7U);
}

TEST(ParseEntryTest, RefusesWhatIsNoEntry) {
  v1::LogEntry entry;
  EXPECT_FALSE(ParseEntry("\xff\xff", entry));
  EXPECT_FALSE(ParseEntry(std::string(1U << 20, '\xff'), entry));
}

}  // namespace
}  // namespace tlscope
