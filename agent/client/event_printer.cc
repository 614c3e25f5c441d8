// SPDX-License-Identifier: Apache-2.0
#include "agent/client/event_printer.h"

#include "processor/formats/event_line.h"
#include "processor/formats/json_event.h"
#include "processor/formats/line_format.h"
#include "processor/formats/text_format.h"
#include "tlscope/v1/events.pb.h"

namespace tlscope {

EventPrinter::EventPrinter(EventOutput output, bool terminal, bool color) : output_(output) {
  if (output == EventOutput::kLine) {
    format_ = std::make_unique<LineFormat>(0);
  } else if (output == EventOutput::kText) {
    TextFormatOptions options;
    options.escape_control = terminal;
    options.color = color;
    options.cut_by = "the agent";
    format_ = std::make_unique<TextFormat>(options);
  }
}

void EventPrinter::Append(const v1::BusEvent& event, std::string& out) {
  if (output_ == EventOutput::kJson) return AppendJsonEvent(event, out);
  const std::size_t before = out.size();
  const BusPayload* const payload = reader_.Read(event);
  if (payload != nullptr) format_->Append(*payload, out);
  if (out.size() == before && output_ == EventOutput::kText) AppendEventLine(event, out);
}

void EventPrinter::AppendMissed(std::uint64_t events, std::string& out) const {
  const std::string number = std::to_string(events);
  if (output_ == EventOutput::kText) out += "Name:EventsMissed, Events:" + number + '\n';
  // The columns of LineFormat.
  if (output_ == EventOutput::kLine) out += "- - - - MISSED - - " + number + " -\n";
  if (output_ == EventOutput::kJson) out += R"({"events_missed":)" + number + "}\n";
}

}  // namespace tlscope
