// SPDX-License-Identifier: Apache-2.0
#include "processor/formats/pcapng/pcapng_writer.h"

#include <cstddef>

#include "processor/text/utf8.h"

namespace tlscope::pcapng {
namespace {

// 11.1: block types.
constexpr std::uint32_t kSectionHeader = 0x0a0d0d0a;
constexpr std::uint32_t kInterface = 1;
constexpr std::uint32_t kEnhancedPacket = 6;

// 4.1: tells a reader the order of bytes.
constexpr std::uint32_t kByteOrderMagic = 0x1a2b3c4d;

// 3.5, 4.1, 4.2, 4.3: option codes.
constexpr std::uint16_t kEndOfOptions = 0;
constexpr std::uint16_t kComment = 1;
constexpr std::uint16_t kSectionOs = 3;
constexpr std::uint16_t kSectionApplication = 4;
constexpr std::uint16_t kInterfaceName = 2;
constexpr std::uint16_t kInterfaceDescription = 3;
constexpr std::uint16_t kInterfaceTimeResolution = 9;
constexpr std::uint16_t kPacketFlags = 2;

constexpr std::string_view kNanoseconds("\x09", 1);  // 4.2, if_tsresol: the power of ten, negated

// 3.5: a length is 16 bits. Far below, so that no reader takes a comment for damage.
constexpr std::size_t kMaxOptionBytes = 4096;

template <class Integer>
void AppendLittle(Integer value, std::string& out) {
  for (unsigned shift = 0; shift < sizeof value * 8; shift += 8) {
    out.push_back(static_cast<char>(value >> shift & 0xff));
  }
}

void PutLittle(std::uint32_t value, std::size_t at, std::string& out) {
  for (std::size_t i = 0; i < 4; ++i) out[at + i] = static_cast<char>(value >> 8 * i & 0xff);
}

// 3.6.1: padding is not counted by the length it follows.
void Pad(std::size_t bytes, std::string& out) { out.append((4 - bytes % 4) % 4, '\0'); }

void AppendOption(std::uint16_t code, std::string_view value, std::string& out) {
  value = CutUtf8(value, kMaxOptionBytes);
  AppendLittle(code, out);
  AppendLittle(static_cast<std::uint16_t>(value.size()), out);
  out += value;
  Pad(value.size(), out);
}

void AppendText(std::uint16_t code, std::string_view text, std::string& out) {
  if (!text.empty()) AppendOption(code, text, out);
}

/// Opens a block, and closes it with its length on both sides (3.1).
class Block {
 public:
  Block(std::uint32_t type, std::string& out) : start_(out.size()), out_(out) {
    AppendLittle(type, out_);
    AppendLittle(std::uint32_t{0}, out_);
  }
  ~Block() {
    const auto bytes = static_cast<std::uint32_t>(out_.size() - start_ + 4);
    PutLittle(bytes, start_ + 4, out_);
    AppendLittle(bytes, out_);
  }
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;

 private:
  std::size_t start_;
  std::string& out_;
};

}  // namespace

void AppendSectionHeader(std::string_view application, std::string_view os, std::string& out) {
  const Block block(kSectionHeader, out);
  AppendLittle(kByteOrderMagic, out);
  AppendLittle(std::uint16_t{1}, out);  // version 1.0
  AppendLittle(std::uint16_t{0}, out);
  AppendLittle(~std::uint64_t{0}, out);  // the section's length is not known
  AppendText(kSectionOs, os, out);
  AppendText(kSectionApplication, application, out);
  AppendOption(kEndOfOptions, {}, out);
}

void AppendInterface(LinkType link, std::string_view name, std::string_view description,
                     std::string& out) {
  const Block block(kInterface, out);
  AppendLittle(static_cast<std::uint16_t>(link), out);
  AppendLittle(std::uint16_t{0}, out);
  AppendLittle(std::uint32_t{0}, out);  // packets are not cut
  AppendText(kInterfaceName, name, out);
  AppendText(kInterfaceDescription, description, out);
  AppendOption(kInterfaceTimeResolution, kNanoseconds, out);
  AppendOption(kEndOfOptions, {}, out);
}

void AppendPacket(const PacketInfo& info, std::string_view head, std::string_view data,
                  std::string& out) {
  const Block block(kEnhancedPacket, out);
  AppendLittle(info.interface, out);
  AppendLittle(static_cast<std::uint32_t>(info.unix_ns >> 32), out);
  AppendLittle(static_cast<std::uint32_t>(info.unix_ns), out);
  const std::size_t bytes = head.size() + data.size();
  AppendLittle(static_cast<std::uint32_t>(bytes), out);  // in the file
  AppendLittle(static_cast<std::uint32_t>(bytes), out);  // as it was
  out += head;
  out += data;
  Pad(bytes, out);
  AppendText(kComment, info.comment, out);
  if (info.direction != PacketDirection::kUnsaid) {
    AppendLittle(kPacketFlags, out);
    AppendLittle(std::uint16_t{4}, out);
    AppendLittle(static_cast<std::uint32_t>(info.direction), out);
  }
  AppendOption(kEndOfOptions, {}, out);
}

}  // namespace tlscope::pcapng
