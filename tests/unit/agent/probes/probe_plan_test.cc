// SPDX-License-Identifier: Apache-2.0
#include "agent/probes/probe_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "tests/unit/agent/elf/elf_image.h"
#include "tests/unit/processor/base/scratch_folder.h"

namespace tlscope {
namespace {

using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Field;

constexpr std::uint64_t kLoadedAt = 0x400000;

// Where the functions of the libraries made here begin in their code, each of this many bytes.
constexpr std::uint64_t kFunctionBytes = 128;

std::string Call(std::uint64_t from, std::uint64_t to) {
  const auto relative = static_cast<std::uint32_t>(to - (from + 5));
  std::string code = "\xe8";
  for (int shift = 0; shift < 32; shift += 8) code += static_cast<char>(relative >> shift);
  return code;
}

/// A library: the functions by name, each with its code.
class LibraryBuilder {
 public:
  LibraryBuilder& Add(const std::string& name, const std::string& code = "\xc3") {
    names_.push_back(name);
    code_ += code + std::string(kFunctionBytes - code.size(), '\xcc');
    return *this;
  }

  /// A pair that calls `inner`, which was added before: the plain function after it widens num.
  LibraryBuilder& AddCallers(const std::string& plain, const std::string& ex,
                             const std::string& inner) {
    const std::uint64_t to = OffsetOf(inner);
    for (const auto& [name, head] : {std::pair(plain, "\x48\x63\xd2"), std::pair(ex, "\x90")})
      Add(name, head + Call(code_.size() + std::string_view(head).size(), to));
    return *this;
  }

  /// In the code.
  std::uint64_t OffsetOf(const std::string& name) const {
    return kFunctionBytes *
           static_cast<std::uint64_t>(std::ranges::find(names_, name) - names_.begin());
  }

  /// The file, in which the code begins at `code_offset`.
  std::string Bytes(std::uint64_t& code_offset) const {
    ElfImage image;
    image.AddSection(".text", SHT_PROGBITS, code_);
    code_offset = image.sections.back().sh_offset;
    std::vector<ElfImage::Symbol> symbols;
    for (const std::string& name : names_)
      symbols.push_back({name, kLoadedAt + code_offset + OffsetOf(name)});
    return image.AddSymbols(SHT_DYNSYM, symbols).Bytes();
  }

 private:
  std::vector<std::string> names_;
  std::string code_;
};

class ProbePlanTest : public ::testing::Test {
 protected:
  Result<ProbePlan> Plan(const LibraryBuilder& library, AttachMode mode = AttachMode::kAuto) {
    std::ofstream(path, std::ios::binary) << library.Bytes(code_offset);
    return PlanProbes(kOpenSslFamily, mode, path, "the library");
  }

  testing::ScratchFolder folder;
  const std::string path = folder.path() + "/libssl.so.3";
  std::uint64_t code_offset = 0;
};

const std::string kPushR14 = "\x41\x56";
const std::string kSubRsp8 = "\x48\x83\xec\x08";
const std::string kEndbr64 = "\xf3\x0f\x1e\xfa";

TEST_F(ProbePlanTest, ProbesThePublicFunctionsWhereThereIsNoInnerOne) {
  const auto library = LibraryBuilder().Add("SSL_read").Add("SSL_write");
  const auto plan = Plan(library);
  ASSERT_TRUE(plan.has_value()) << plan.error().Describe();
  const std::uint64_t write = code_offset + kFunctionBytes;
  EXPECT_THAT(plan->probes, ElementsAre(PlannedProbe{"SSL_read", code_offset, "read_enter", false},
                                        PlannedProbe{"SSL_read", code_offset, "ssl_io_exit", true},
                                        PlannedProbe{"SSL_write", write, "write_enter", false},
                                        PlannedProbe{"SSL_write", write, "ssl_io_exit", true}));
  EXPECT_EQ(plan->points, (AttachPoints{AttachPoint::kPublic, AttachPoint::kPublic}));
}

TEST_F(ProbePlanTest, ProbesTheInnerFunctionThatBothPublicOnesCall) {
  const auto library = LibraryBuilder()
                           .Add("ssl_read_internal", kEndbr64 + kPushR14)
                           .AddCallers("SSL_read", "SSL_read_ex", "ssl_read_internal");
  const auto plan = Plan(library);
  ASSERT_TRUE(plan.has_value()) << plan.error().Describe();
  const std::uint64_t inner = code_offset + kEndbr64.size();
  EXPECT_THAT(plan->probes, ElementsAre(PlannedProbe{"SSL_read", inner, "read_ex_enter", false},
                                        PlannedProbe{"SSL_read", inner, "ssl_io_exit", true}));
  EXPECT_EQ(plan->points, (AttachPoints{AttachPoint::kInner, AttachPoint::kNone}));
}

TEST_F(ProbePlanTest, ProbesThePublicFunctionsWhenAskedTo) {
  const auto library = LibraryBuilder()
                           .Add("ssl_write_internal", kPushR14)
                           .AddCallers("SSL_write", "SSL_write_ex", "ssl_write_internal");
  const auto plan = Plan(library, AttachMode::kPublic);
  ASSERT_TRUE(plan.has_value()) << plan.error().Describe();
  EXPECT_THAT(plan->probes, ElementsAre(Field(&PlannedProbe::program, "write_enter"),
                                        Field(&PlannedProbe::program, "ssl_io_exit"),
                                        Field(&PlannedProbe::program, "write_ex_enter"),
                                        Field(&PlannedProbe::program, "ssl_io_exit")));
  EXPECT_EQ(plan->points, (AttachPoints{AttachPoint::kNone, AttachPoint::kPublic}));
}

TEST_F(ProbePlanTest, LeavesAnInnerFunctionThatIsDearToProbe) {
  const auto library = LibraryBuilder()
                           .Add("ssl_read_internal", kSubRsp8)
                           .AddCallers("SSL_read", "SSL_read_ex", "ssl_read_internal");
  const auto plan = Plan(library);
  ASSERT_TRUE(plan.has_value()) << plan.error().Describe();
  EXPECT_EQ(plan->points.read, AttachPoint::kPublic);
}

TEST_F(ProbePlanTest, PlansForEveryFunctionThatALibraryHas) {
  LibraryBuilder library;
  std::multimap<std::string_view, std::string_view> wanted;
  for (const FunctionProbes& probes : kOpenSslFamily.functions) {
    library.Add(std::string(probes.function));
    wanted.emplace(probes.function, probes.at_entry);
    if (!probes.at_return.empty()) wanted.emplace(probes.function, probes.at_return);
  }
  const auto plan = Plan(library);
  ASSERT_TRUE(plan.has_value()) << plan.error().Describe();
  EXPECT_EQ(plan->probes.size(), wanted.size());
  for (const auto& [function, program] : wanted) {
    EXPECT_THAT(
        plan->probes,
        Contains(AllOf(
            Field(&PlannedProbe::function, function), Field(&PlannedProbe::program, program),
            Field(&PlannedProbe::offset, code_offset + library.OffsetOf(std::string(function))))))
        << function;
  }
}

TEST_F(ProbePlanTest, PlansNothingForAFileThatCarriesNoData) {
  const auto plan = Plan(LibraryBuilder().Add("SSL_free").Add("SSL_set_fd"));
  ASSERT_FALSE(plan.has_value());
  EXPECT_EQ(plan.error().code, Errc::kNotFound);
  EXPECT_EQ(plan.error().Describe(),
            "cannot find SSL_read or SSL_write in the library; it is not a library of the OpenSSL "
            "family");
}

TEST_F(ProbePlanTest, SaysWhyAFileCannotBeRead) {
  const auto missing = PlanProbes(kOpenSslFamily, AttachMode::kAuto, "/no/such", "the library");
  ASSERT_FALSE(missing.has_value());
  EXPECT_EQ(missing.error().code, Errc::kSystem);
  EXPECT_EQ(missing.error().what, "read the library");
  std::ofstream(path) << "text";
  const auto text = PlanProbes(kOpenSslFamily, AttachMode::kAuto, path, "the library");
  ASSERT_FALSE(text.has_value());
  EXPECT_EQ(text.error().code, Errc::kNotFound);
}

TEST_F(ProbePlanTest, SurvivesALibraryCutAnywhere) {
  const auto library = LibraryBuilder()
                           .Add("ssl_read_internal", kPushR14)
                           .AddCallers("SSL_read", "SSL_read_ex", "ssl_read_internal");
  const std::string whole = library.Bytes(code_offset);
  for (std::size_t size = 0; size < whole.size(); size += 13) {
    std::ofstream(path, std::ios::binary) << whole.substr(0, size);
    const auto plan = PlanProbes(kOpenSslFamily, AttachMode::kAuto, path, "the library");
    if (!plan) continue;
    EXPECT_THAT(plan->probes, Each(Field(&PlannedProbe::offset, ::testing::Lt(size))));
  }
}

TEST(TlsFamilyTest, ProbesEachFunctionInOneWay) {
  auto names = kOpenSslFamily.FunctionNames();
  std::ranges::sort(names);
  EXPECT_EQ(std::ranges::adjacent_find(names), names.end());
  for (const std::string_view essential : kOpenSslFamily.EssentialNames())
    EXPECT_THAT(names, Contains(essential));
  for (const DataFunctions& direction : {kOpenSslFamily.read, kOpenSslFamily.write}) {
    EXPECT_THAT(names, Contains(direction.plain));
    EXPECT_THAT(names, Contains(direction.ex));
  }
}

}  // namespace
}  // namespace tlscope
