// SPDX-License-Identifier: Apache-2.0
#include "processor/reflection/protoset.h"

#include <google/protobuf/descriptor.pb.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <memory>
#include <string>

namespace tlscope {
namespace {

namespace pb = google::protobuf;

/// A file of descriptors, gone with the test.
class ProtosetTest : public testing::Test {
 protected:
  ~ProtosetTest() override { std::remove(path_.c_str()); }

  void Write(const std::string& bytes) { std::ofstream(path_, std::ios::binary) << bytes; }

  /// package pkg; message Note { int32 number = 1; string text = 2; }
  /// service Service { rpc Method(Note) returns (Empty); } message Empty {}
  static std::string Descriptors() {
    pb::FileDescriptorSet set;
    pb::FileDescriptorProto& file = *set.add_file();
    file.set_name("note.proto");
    file.set_package("pkg");
    file.set_syntax("proto3");
    pb::DescriptorProto& note = *file.add_message_type();
    note.set_name("Note");
    const auto add = [&note](const char* name, int number, pb::FieldDescriptorProto::Type type) {
      pb::FieldDescriptorProto& field = *note.add_field();
      field.set_name(name);
      field.set_number(number);
      field.set_type(type);
      field.set_label(pb::FieldDescriptorProto::LABEL_OPTIONAL);
    };
    add("number", 1, pb::FieldDescriptorProto::TYPE_INT32);
    add("text", 2, pb::FieldDescriptorProto::TYPE_STRING);
    file.add_message_type()->set_name("Empty");
    pb::ServiceDescriptorProto& service = *file.add_service();
    service.set_name("Service");
    pb::MethodDescriptorProto& method = *service.add_method();
    method.set_name("Method");
    method.set_input_type(".pkg.Note");
    method.set_output_type(".pkg.Empty");
    return set.SerializeAsString();
  }

  static Message Call(const std::string& rpc, std::string body) {
    Message message;
    message.parser = ParserType::kHttp2Request;
    message.grpc = true;
    message.rpc = rpc;
    message.body = std::move(body);
    return message;
  }

  const std::string path_ = testing::TempDir() + "tlscope_protoset_" + std::to_string(getpid());
};

TEST_F(ProtosetTest, ShowsAMessageByTheTypeOfItsMethodAndDirection) {
  Write(Descriptors());
  const auto set = Protoset::Open(path_);
  ASSERT_TRUE(set);
  std::string out("before ");
  Message message = Call("/pkg.Service/Method", "\x08\x96\x01\x12\x02hi");
  EXPECT_TRUE((*set)->AppendJson(message, out));
  EXPECT_EQ(out, "before {\"number\":150,\"text\":\"hi\"}");
  message.parser = ParserType::kHttp2Response;
  message.body.clear();
  out.clear();
  EXPECT_TRUE((*set)->AppendJson(message, out));
  EXPECT_EQ(out, "{}");
}

TEST_F(ProtosetTest, LeavesAloneWhatItDoesNotDescribe) {
  Write(Descriptors());
  const auto set = Protoset::Open(path_);
  ASSERT_TRUE(set);
  std::string out;
  for (const char* rpc : {"", "/", "/pkg.Service/Other", "/pkg.Service", "Method", "/a/b/c"}) {
    EXPECT_FALSE((*set)->AppendJson(Call(rpc, "\x08\x01"), out)) << rpc;
  }
  EXPECT_FALSE((*set)->AppendJson(Call("/pkg.Service/Method", "\x08"), out));
  EXPECT_FALSE((*set)->AppendJson(Call("/pkg.Service/Method", "\x12\x01\xff"), out));
  EXPECT_EQ(out, "");
}

TEST_F(ProtosetTest, SaysWhatIsWrongWithAFile) {
  EXPECT_FALSE(Protoset::Open(path_ + "/none"));
  for (const char* bytes : {"", "no descriptors"}) {
    Write(bytes);
    EXPECT_FALSE(Protoset::Open(path_)) << bytes;
  }
}

}  // namespace
}  // namespace tlscope
