// SPDX-License-Identifier: Apache-2.0
#include "processor/reflection/protoset.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/dynamic_message.h>
#include <google/protobuf/stubs/logging.h>
#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <utility>

namespace tlscope {
namespace {

namespace pb = google::protobuf;

// Messages longer than this are shown by their wire format: a tree of objects costs many times
// their size.
constexpr std::size_t kMaxMessageBytes = 4U << 20;

}  // namespace

struct Protoset::Types {
  pb::DescriptorPool pool;
  pb::DynamicMessageFactory factory{&pool};  // after the pool, which it borrows
};

Protoset::Protoset(std::unique_ptr<Types> types) : types_(std::move(types)) {}
Protoset::~Protoset() = default;

Result<std::unique_ptr<Protoset>> Protoset::Open(const std::string& path) {
  constexpr const char* kAdvice =
      "make the file with protoc --include_imports --descriptor_set_out=FILE";
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    const int error = errno;
    return Fail(Errc::kNotFound, error, "read protobuf descriptors from " + path);
  }
  pb::SetLogHandler(nullptr);  // what it has to say of captured bytes is nobody's business
  pb::FileDescriptorSet set;
  if (!set.ParseFromIstream(&file) || set.file_size() == 0) {
    return Fail(Errc::kUsage, 0, "read protobuf descriptors from " + path, kAdvice);
  }
  auto types = std::make_unique<Types>();
  for (const pb::FileDescriptorProto& one : set.file()) {
    if (types->pool.BuildFile(one) == nullptr) {
      return Fail(Errc::kUsage, 0, "use " + one.name() + " of " + path, kAdvice);
    }
  }
  return std::unique_ptr<Protoset>(new Protoset(std::move(types)));
}

bool Protoset::AppendJson(const Message& message, std::string& out) {
  if (message.rpc.empty() || message.body.size() > kMaxMessageBytes) return false;
  std::string name = message.rpc.substr(1);  // "/package.Service/Method"
  std::replace(name.begin(), name.end(), '/', '.');
  const pb::MethodDescriptor* method = types_->pool.FindMethodByName(name);
  if (method == nullptr) return false;
  const bool request = message.parser == ParserType::kHttp2Request;
  const pb::Descriptor* type = request ? method->input_type() : method->output_type();
  const std::unique_ptr<pb::Message> content(types_->factory.GetPrototype(type)->New());
  if (!content->ParsePartialFromString(message.body)) return false;
  std::string json;
  pb::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  if (!pb::util::MessageToJsonString(*content, &json, options).ok()) return false;
  out += json;
  return true;
}

}  // namespace tlscope
