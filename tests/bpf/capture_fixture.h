// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <openssl/ssl.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "agent/probe_session.h"
#include "agent/ring_reader.h"
#include "processor/decoder.h"

namespace tlscope {

/// A data event with its bytes kept.
struct CapturedData {
  SSLDataEvent event;
  std::string bytes;
};

/// The file of the libssl this process runs.
inline std::string OwnLibssl() {
  Dl_info info{};
  dladdr(reinterpret_cast<void*>(&SSL_read), &info);
  return info.dli_fname;
}

/// Loads the programs for this very process and collects what they say. Each test runs once per
/// place where the probes can be.
class CaptureFixture : public ::testing::TestWithParam<AttachMode> {
 protected:
  static ProbeOptions OwnProcess() {
    ProbeOptions options;
    options.pids = {static_cast<std::uint32_t>(getpid())};
    options.max_payload_bytes = 1 << 16;  // more makes old kernels slow to load
    return options;
  }

  void Start(ProbeOptions options = OwnProcess()) {
    options.attach_mode = GetParam();
    auto probes = ProbeSession::Open(options);
    ASSERT_TRUE(probes.has_value()) << probes.error().Describe();
    probes_ = std::move(*probes);
    const auto attached = probes_->AttachLibrary(OwnLibssl());
    ASSERT_TRUE(attached.has_value()) << attached.error().Describe();
    auto reader = RingReader::Open(
        *probes_, options.ring_bytes, [this](std::span<const std::byte> record) { Keep(record); },
        [] {});
    ASSERT_TRUE(reader.has_value()) << reader.error().Describe();
    reader_ = std::move(*reader);
  }

  /// Collects everything the ring holds now.
  void Collect() {
    const std::atomic<bool> stop = true;
    reader_->Run(stop);
  }

  /// Bytes seen of one SSL object in one direction, in order, with no regard to gaps.
  std::string BytesOf(const SSL* ssl, DataType direction) const {
    std::string bytes;
    for (const CapturedData* data : DataOf(ssl, direction)) bytes += data->bytes;
    return bytes;
  }

  std::vector<const CapturedData*> DataOf(const SSL* ssl, DataType direction) const {
    std::vector<const CapturedData*> found;
    for (const CapturedData& data : data_) {
      if (data.event.ssl.address == reinterpret_cast<std::uint64_t>(ssl) &&
          data.event.direction == direction)
        found.push_back(&data);
    }
    return found;
  }

  KernelCounters Counters() const {
    const auto counters = probes_->ReadCounters();
    EXPECT_TRUE(counters.has_value());
    return *counters;
  }

  std::uint64_t DeliveredBytes() const {
    std::uint64_t bytes = 0;
    for (const CapturedData& data : data_) bytes += data.bytes.size();
    return bytes;
  }

  std::unique_ptr<ProbeSession> probes_;
  std::unique_ptr<RingReader> reader_;
  std::vector<CapturedData> data_;
  std::vector<ConnDataEvent> connections_;
  std::vector<SSLEndEvent> ends_;
  std::vector<SSLSocketEvent> sockets_;
  /// Every record in order: 'd' data, 'o' opened, 'c' closed, 'e' end, 's' socket found late.
  std::string order_;

 private:
  void Keep(std::span<const std::byte> record) {
    const auto decoded = Decode(record);
    ASSERT_TRUE(decoded.has_value()) << decoded.error().Describe();
    if (const auto* data = std::get_if<SSLDataEvent>(&*decoded)) {
      data_.push_back({*data, std::string(data->data)});
      order_ += 'd';
    } else if (const auto* connection = std::get_if<ConnDataEvent>(&*decoded)) {
      connections_.push_back(*connection);
      order_ += connection->state == ConnDataEvent::State::kOpened ? 'o' : 'c';
    } else if (const auto* socket = std::get_if<SSLSocketEvent>(&*decoded)) {
      sockets_.push_back(*socket);
      order_ += 's';
    } else {
      ends_.push_back(std::get<SSLEndEvent>(*decoded));
      order_ += 'e';
    }
  }
};

inline auto AttachModes() { return ::testing::Values(AttachMode::kAuto, AttachMode::kPublic); }

inline std::string AttachModeName(const ::testing::TestParamInfo<AttachMode>& mode) {
  return mode.param == AttachMode::kAuto ? "AutoAttach" : "PublicAttach";
}

}  // namespace tlscope
