// SPDX-License-Identifier: Apache-2.0
#include "agent/capture/pipeline.h"

#include <bit>
#include <cstddef>
#include <span>
#include <utility>

#include "agent/options/output_options.h"
#include "processor/base/clock.h"

namespace tlscope {
namespace {

ProcessorOptions ProcessorOptionsOf(const CaptureOptions& options) {
  ProcessorOptions processor;
  processor.limits.body_bytes = BodyLimitOf(options);
  processor.limits.decode_content = !options.raw_body;
  processor.ports = options.ports;
  return processor;
}

}  // namespace

std::uint64_t RingBytes(const CaptureOptions& options) {
  return std::bit_ceil(std::uint64_t{options.ring_mib} << 20);
}

Result<std::unique_ptr<Pipeline>> Pipeline::Open(const CaptureOptions& options,
                                                 const ProbeSession& probes, EventBus& bus,
                                                 PipelineHooks hooks) {
  std::unique_ptr<Pipeline> pipeline(new Pipeline(options, bus, std::move(hooks)));
  TLSCOPE_TRY(auto reader, RingReader::Open(
                               probes, RingBytes(options),
                               [self = pipeline.get()](std::span<const std::byte> record) {
                                 self->processor_.SetBodyLimit(self->hooks_.body_limit_bytes());
                                 self->processor_.OnRecord(record);
                               },
                               [self = pipeline.get()] { self->OnPause(); }));
  pipeline->reader_ = std::move(reader);
  return pipeline;
}

Pipeline::Pipeline(const CaptureOptions& options, EventBus& bus, PipelineHooks hooks)
    : hooks_(std::move(hooks)), processor_(ProcessorOptionsOf(options), bus) {}

void Pipeline::Start() {
  thread_ = std::jthread([this] { reader_->Run(stopping_); });
}

void Pipeline::OnPause() {
  const std::uint64_t now_ns = MonotonicNs();
  processor_.Tick(now_ns);
  hooks_.on_tick(processor_.stats(), now_ns);
}

void Pipeline::Drain() {
  stopping_.store(true, std::memory_order_release);
  thread_.join();
  processor_.Close(MonotonicNs());
}

}  // namespace tlscope
