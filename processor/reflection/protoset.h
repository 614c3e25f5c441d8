// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "parsers/core/message.h"
#include "processor/base/result.h"

namespace tlscope {

/// The services that a compiled set of .proto files describes (`protoc --descriptor_set_out
/// --include_imports`). Shows messages of gRPC calls as JSON. One thread at a time.
class Protoset {
 public:
  static Result<std::unique_ptr<Protoset>> Open(const std::string& path);
  ~Protoset();
  Protoset(const Protoset&) = delete;
  Protoset& operator=(const Protoset&) = delete;

  /// Appends the body of a gRPC message as JSON. False, and nothing appended, when its method is
  /// not in the set, or the body is not what the method's type says.
  bool AppendJson(const Message& message, std::string& out);

 private:
  struct Types;
  explicit Protoset(std::unique_ptr<Types> types);

  std::unique_ptr<Types> types_;
};

}  // namespace tlscope
