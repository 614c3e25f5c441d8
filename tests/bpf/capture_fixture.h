// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <openssl/ssl.h>
#include <unistd.h>

#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/probes/probe_session.h"
#include "agent/probes/ring_reader.h"
#include "processor/events/decoder.h"
#include "tests/bpf/kernel_features.h"

namespace tlscope {

/// A data event with its bytes kept.
struct CapturedData {
  SSLDataEvent event;
  std::string bytes;
};

/// A handshake event with its bytes kept.
struct CapturedHandshake {
  SSLHandshakeEvent event;
  std::string bytes;
};

/// The file of the libssl this process runs.
inline std::string OwnLibssl() {
  Dl_info info{};
  dladdr(reinterpret_cast<void*>(&SSL_read), &info);
  return info.dli_fname;
}

/// Where the probes of the library are, and where in the kernel socket calls are seen.
struct Attachment {
  const char* name;
  AttachMode mode = AttachMode::kAuto;
  AttachStrategy strategy = AttachStrategy::kAuto;
};

/// What the agent says against a strategy, nothing when it takes it. Found out once.
inline const std::optional<Error>& RefusalOf(AttachStrategy strategy) {
  static std::map<AttachStrategy, std::optional<Error>> refusals{{AttachStrategy::kAuto, {}}};
  const auto [refusal, unknown] = refusals.try_emplace(strategy);
  if (unknown) {
    ProbeOptions options;
    options.max_payload_bytes = 1 << 16;
    options.strategy = strategy;
    if (const auto probes = ProbeSession::Open(options); !probes) refusal->second = probes.error();
  }
  return refusal->second;
}

/// Loads the programs for this very process and collects what they say. Each test runs once per
/// attachment; one that the kernel does not have is skipped, one that it has must load.
class CaptureFixture : public ::testing::TestWithParam<Attachment> {
 protected:
  void SetUp() override {
    const auto& refusal = RefusalOf(GetParam().strategy);
    if (!refusal) return;
    ASSERT_EQ(refusal->code, Errc::kUnsupported) << refusal->Describe();
    ASSERT_FALSE(KernelHas(GetParam().strategy))
        << "the kernel has the hooks, but does not take the programs: " << refusal->Describe();
    GTEST_SKIP() << refusal->Describe();
  }

  static ProbeOptions OwnProcess() {
    ProbeOptions options;
    options.filters.pids = {static_cast<std::uint32_t>(getpid())};
    options.max_payload_bytes = 1 << 16;  // more makes old kernels slow to load
    return options;
  }

  /// Watches this process as OwnProcess() says. What does so is shared by the tests of an
  /// attachment that run in one process: it takes long to attach, and longer to detach.
  void Start() {
    static std::map<std::string, Watch> watches;
    const auto [watch, is_new] = watches.try_emplace(GetParam().name);
    if (is_new) Open(OwnProcess(), watch->second);
    Use(watch->second);
  }

  /// The same with options, or a start that other tests have no part in.
  void Start(const ProbeOptions& options) {
    Open(options, own_watch_);
    Use(own_watch_);
  }

  /// Collects everything the ring holds now.
  void Collect() {
    collector_ = this;
    const std::atomic<bool> stop = true;
    watch_->reader->Run(stop);
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
    auto counters = watch_->probes->ReadCounters();
    EXPECT_TRUE(counters.has_value());
    for (std::size_t i = 0; i < counters->size(); ++i) {
      (*counters)[i].events -= counters_before_[i].events;
      (*counters)[i].bytes -= counters_before_[i].bytes;
    }
    return *counters;
  }

  std::uint64_t DeliveredBytes() const {
    std::uint64_t bytes = 0;
    for (const CapturedData& data : data_) bytes += data.bytes.size();
    return bytes;
  }

  const ProbeSession& probes() const { return *watch_->probes; }

  /// For a test that was started with options of its own, so that no other starts paused.
  void SetPaused(bool paused) { own_watch_.probes->SetPaused(paused); }

  /// As for a process that has just been found. For a test that was started with options of its
  /// own.
  void NoteUnderWay() { own_watch_.probes->NoteUnderWay(static_cast<std::uint32_t>(getpid())); }

  /// Attaches to one more library. For a test that was started with options of its own.
  void AttachTo(const std::string& path) {
    const auto attached = own_watch_.probes->AttachLibrary(path);
    ASSERT_TRUE(attached.has_value()) << attached.error().Describe();
  }

  std::vector<CapturedData> data_;
  std::vector<ConnDataEvent> connections_;
  std::vector<SSLEndEvent> ends_;
  std::vector<SSLSocketEvent> sockets_;
  std::vector<CapturedHandshake> handshakes_;
  /// Every record of a connection in order: 'd' data, 'o' opened, 'c' closed, 'e' end, 's' socket
  /// found late.
  std::string order_;

 private:
  struct Watch {
    std::unique_ptr<ProbeSession> probes;
    std::unique_ptr<RingReader> reader;
  };

  static void Open(ProbeOptions options, Watch& watch) {
    options.attach_mode = GetParam().mode;
    options.strategy = GetParam().strategy;
    auto probes = ProbeSession::Open(options);
    ASSERT_TRUE(probes.has_value()) << probes.error().Describe();
    watch.probes = std::move(*probes);
    const auto attached = watch.probes->AttachLibrary(OwnLibssl());
    ASSERT_TRUE(attached.has_value()) << attached.error().Describe();
    auto reader = RingReader::Open(
        *watch.probes, options.ring_bytes,
        [](std::span<const std::byte> record) { collector_->Keep(record); }, [] {});
    ASSERT_TRUE(reader.has_value()) << reader.error().Describe();
    watch.reader = std::move(*reader);
  }

  void Use(Watch& watch) {
    ASSERT_NE(watch.reader, nullptr) << "it could not be started";
    watch_ = &watch;
    Collect();
    data_.clear();
    connections_.clear();
    ends_.clear();
    sockets_.clear();
    handshakes_.clear();
    order_.clear();
    counters_before_ = {};
    counters_before_ = Counters();
  }

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
    } else if (const auto* handshake = std::get_if<SSLHandshakeEvent>(&*decoded)) {
      handshakes_.push_back({*handshake, std::string(handshake->data)});
    } else {
      ends_.push_back(std::get<SSLEndEvent>(*decoded));
      order_ += 'e';
    }
  }

  static inline CaptureFixture* collector_ = nullptr;
  Watch own_watch_;
  Watch* watch_ = nullptr;
  KernelCounters counters_before_{};
};

/// Every place in the library.
inline auto AttachModes() {
  return ::testing::Values(Attachment{"AutoAttach"},
                           Attachment{"PublicAttach", AttachMode::kPublic});
}

/// Every place in the kernel.
inline auto AttachStrategies() {
  return ::testing::Values(Attachment{"TpBtf", AttachMode::kAuto, AttachStrategy::kTpBtf},
                           Attachment{"Fentry", AttachMode::kAuto, AttachStrategy::kFentry},
                           Attachment{"Kprobe", AttachMode::kAuto, AttachStrategy::kKprobe},
                           Attachment{"Syscall", AttachMode::kAuto, AttachStrategy::kSyscall});
}

inline std::string AttachmentName(const ::testing::TestParamInfo<Attachment>& attachment) {
  return attachment.param.name;
}

}  // namespace tlscope
