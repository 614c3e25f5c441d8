// SPDX-License-Identifier: Apache-2.0
#include "processor/net/connector.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "processor/base/unique_fd.h"
#include "tests/unit/processor/sinks/stream/stream_peer.h"

namespace tlscope {
namespace {

TEST(ConnectorTest, SaysWhatToDoAboutACollectorThatAcceptsNobody) {
  const std::string path = testing::TempDir() + "tlscope_connector_test.sock";
  std::filesystem::remove(path);
  const Listener listener(path);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  std::vector<UniqueFd> waiting;
  do {
    waiting.emplace_back(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  } while (connect(waiting.back().get(), reinterpret_cast<sockaddr*>(&address), sizeof address) ==
           0);
  boost::asio::io_context context;
  const auto connector =
      std::make_shared<Connector>(context, listener.address(), nullptr, std::chrono::minutes{1});
  std::optional<Error> error;
  connector->Start([&](Result<std::shared_ptr<ByteStream>> stream) {
    ASSERT_FALSE(stream);
    error = stream.error();
  });
  context.run();
  ASSERT_TRUE(error);
  EXPECT_NE(error->remedy.find("accepts connections"), std::string::npos) << error->Describe();
}

}  // namespace
}  // namespace tlscope
