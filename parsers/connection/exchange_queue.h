// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "parsers/connection/websocket_extensions.h"

namespace tlscope::http1 {

/// What a response needs to know of its request's method (RFC 9112 6.3).
enum class MethodKind : std::uint8_t { kOther, kHead, kConnect };

/// A request whose final response has not begun.
struct PendingRequest {
  std::uint64_t exchange = 0;  ///< from 1; 0 when there is no request or none that is sure
  MethodKind method = MethodKind::kOther;
  bool upgrade_asked = false;  ///< it had an Upgrade field (RFC 9110 7.8)

  bool known() const { return exchange != 0; }
};

/// What a connection became after HTTP/1.x.
enum class UpgradeKind : std::uint8_t {
  kNone,
  kSwitched,  ///< by 101 (RFC 9110 15.2.2), to upgrade_token()
  kTunnel,    ///< by 2xx to CONNECT (RFC 9110 9.3.6)
};

/// How far the pairs of a connection can be trusted. In doubt is every state that is not sure:
/// requests were lost or abandoned, so a new one may stand behind them.
///
/// | state        | request     | requests lost | stray response | responses lost |
/// | ------------ | ----------- | ------------- | -------------- | -------------- |
/// | Sure         | .           | Owed          | SureStray      | Owed / Settled |
/// | SureStray    | Sure        | SettledStray  | .              | SettledStray   |
/// | Owed         | .           | .             | SettledStray   | .              |
/// | Settled      | Sure / Owed | Owed          | SettledStray   | .              |
/// | SettledStray | Sure / Owed | .             | .              | .              |
/// | Lost         | .           | .             | .              | .              |
///
/// - `.`: the state stays.
/// - A request is paired when it leads to Sure. `Sure / Owed`: Sure unless a response is under way.
/// - A stray response is a final one that no known request waits for. One that finds its request
///   changes nothing.
/// - `Owed / Settled`: Owed if requests were waiting, which are abandoned.
/// - Once two requests were outstanding when a response came, the connection pipelines: Lost takes
///   the place of every other state in doubt.
///
/// Requests are outstanding in Sure, Owed and Lost only: a response can be stray only when no known
/// request waits, and one that leads out of Owed answers the only one that may have come since.
enum class Trust : std::uint8_t {
  kSure,          ///< every loss so far is made good
  kSureStray,     ///< and a stray response came since the last request: if a loss of requests turns
                  ///< up, it answered what was lost
  kOwed,          ///< in doubt, and what was lost or abandoned has had no answer
  kSettled,       ///< in doubt, and there was nothing to answer
  kSettledStray,  ///< in doubt, and a stray response came since the last request
  kLost,          ///< in doubt for good
};

/// What the request direction of one connection tells the response direction, and back.
///
/// Responses come in the order of their requests (RFC 9112 9.3), so pairing is a queue. Bytes lost
/// or unreadable in either direction may hide a message head, and then counting would pair wrongly:
///
/// - Loss among requests: the requests known before it keep their responses. A request after it is
///   unpaired (exchange 0) as long as it may stand behind a request that was lost.
/// - Loss among responses: the requests in flight are abandoned; responses are unpaired.
///
/// Pairing resumes with a request that starts while nothing is outstanding: no known request waits,
/// no response is under way, and what was lost or abandoned was answered as far as can be told,
/// which is that an unpaired response has ended since. That a client which sends then has had all
/// its answers holds unless it pipelines, so a connection on which pipelining was seen does not
/// resume. Where a pair cannot be sure there is none. Trust has the states.
///
/// Bounded: kMaxPending requests; of more the oldest are forgotten and their responses unpaired.
class ExchangeQueue {
 public:
  static constexpr std::size_t kMaxPending = 4096;

  // The request direction:

  /// A request's head is whole. Its exchange number, or 0 when it is unpaired.
  std::uint64_t OnRequest(MethodKind method, bool upgrade_asked);
  /// Bytes are missing or unreadable where request heads may have been.
  void OnRequestLoss();

  // The response direction:

  /// The request that the next response answers, interim ones (1xx) included.
  PendingRequest Next() const;
  /// A final response's head, or that of a 101 that switches, is whole: Next() is answered.
  void OnFinalResponse();
  /// That response's last byte was read, or it was given up.
  void OnFinalResponseEnd();
  /// Bytes are missing or unreadable where response heads may have been.
  void OnResponseLoss();
  /// The connection changes protocol after this response's head. `token` is the Upgrade field's
  /// value (its first 256 bytes are kept), empty for a tunnel.
  /// `extensions` are those of a WebSocket.
  void OnUpgrade(UpgradeKind kind, std::string_view token,
                 const websocket::Extensions& extensions = {});

  // Either:

  bool upgraded() const { return upgrade_ != UpgradeKind::kNone; }
  UpgradeKind upgrade() const { return upgrade_; }
  const std::string& upgrade_token() const { return upgrade_token_; }
  const websocket::Extensions& extensions() const { return extensions_; }
  /// Requests whose responses can still be paired.
  std::size_t pending() const { return pending_.size() - first_; }

 private:
  void Enter(Trust trust);
  /// Requests that are not answered, known or not.
  std::uint64_t Outstanding() const { return pending() + forgotten_ + unpaired_; }
  void Pop();

  std::vector<PendingRequest> pending_;  ///< from first_ on; a deque would cost 600 bytes idle
  std::size_t first_ = 0;
  std::uint64_t last_exchange_ = 0;
  std::uint64_t forgotten_ = 0;  ///< requests dropped from the front, not yet answered
  std::uint64_t unpaired_ = 0;   ///< requests since kOwed was entered, not yet answered

  Trust trust_ = Trust::kSure;
  bool pipelined_ = false;      ///< two were outstanding when a response came
  bool response_open_ = false;  ///< between OnFinalResponse and OnFinalResponseEnd

  UpgradeKind upgrade_ = UpgradeKind::kNone;
  std::string upgrade_token_;
  websocket::Extensions extensions_;
};

}  // namespace tlscope::http1
