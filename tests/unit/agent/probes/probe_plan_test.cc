// SPDX-License-Identifier: Apache-2.0
#include "agent/probes/probe_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/unit/agent/elf/elf_image.h"
#include "tests/unit/processor/base/scratch_folder.h"

namespace tlscope {
namespace {

using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Lt;
using ::testing::Not;

constexpr std::uint64_t kLoadedAt = 0x400000;

// Where the functions of the libraries made here begin in their code, each of this many bytes.
constexpr std::uint64_t kFunctionBytes = 128;

std::string Bytes(std::uint64_t value, int count) {
  std::string bytes;
  for (int i = 0; i < count; ++i) bytes += static_cast<char>(value >> (8 * i));
  return bytes;
}

std::string Call(std::uint64_t from, std::uint64_t to) {
  return "\xe8" + Bytes(to - (from + 5), 4);
}

// push %rbx; mov $1, %eax; test %eax, %eax; je .+2; pop %rbx; ret
const std::string kPlain("\x53\xb8\x01\0\0\0\x85\xc0\x74\0\x5b\xc3", 12);
constexpr std::uint64_t kPlainJump = 8;
// The same without the jump: nothing that the kernel emulates is behind the result.
const std::string kJumpless("\x53\xb8\x01\0\0\0\x5b\xc3", 8);
// sub $8, %rsp; mov $1, %eax; add $8, %rsp; ret: nothing at all that it emulates
const std::string kStepped("\x48\x83\xec\x08\xb8\x01\0\0\0\x48\x83\xc4\x08\xc3", 14);
// push %rbx; jmp *%rax
const std::string kUntold("\x53\xff\xe0");
const std::string kEndbr64("\xf3\x0f\x1e\xfa");

/// A library: the functions by name, each with its code and a record of where it ends.
class LibraryBuilder {
 public:
  LibraryBuilder& Add(const std::string& name, const std::string& code = kPlain) {
    functions_.emplace_back(name, code.size());
    code_ += code + std::string(kFunctionBytes - code.size(), '\xcc');
    return *this;
  }

  /// A pair that calls `inner`, which was added before: the plain function with the address of a
  /// local for how much was moved.
  LibraryBuilder& AddCallers(const std::string& plain, const std::string& ex,
                             const std::string& inner) {
    const std::uint64_t to = OffsetOf(inner);
    // sub $0x18, %rsp; movslq %edx, %rdx; lea 8(%rsp), %rcx
    const std::string plain_head("\x48\x83\xec\x18\x48\x63\xd2\x48\x8d\x4c\x24\x08");
    Add(plain, plain_head + Call(code_.size() + plain_head.size(), to) + "\x48\x83\xc4\x18\xc3");
    const std::string ex_head("\x48\x83\xec\x08");
    return Add(ex, ex_head + Call(code_.size() + ex_head.size(), to) + "\x48\x83\xc4\x08\xc3");
  }

  /// A symbol for what lies so far inside a function that was added before.
  LibraryBuilder& AddInside(const std::string& name, const std::string& function,
                            std::uint64_t distance) {
    inside_.emplace_back(name, OffsetOf(function) + distance);
    return *this;
  }

  LibraryBuilder& WithoutUnwindTable() {
    unwinds_ = false;
    return *this;
  }

  /// In the code.
  std::uint64_t OffsetOf(const std::string& name) const {
    const auto found = std::ranges::find(functions_, name, &Function::first);
    return kFunctionBytes * static_cast<std::uint64_t>(found - functions_.begin());
  }

  /// The file, in which the code begins at `code_offset`.
  std::string File(std::uint64_t& code_offset) const {
    ElfImage image;
    image.AddSection(".text", SHT_PROGBITS, code_);
    code_offset = image.sections.back().sh_offset;
    const std::uint64_t base = kLoadedAt + code_offset;
    if (unwinds_) {
      image.AddSection(".eh_frame", SHT_PROGBITS, Records(base));
      image.sections.back().sh_addr = kLoadedAt + image.sections.back().sh_offset;
    }
    std::vector<ElfImage::Symbol> symbols;
    for (const Function& function : functions_)
      symbols.push_back({function.first, base + OffsetOf(function.first)});
    for (const auto& [name, offset] : inside_) symbols.push_back({name, base + offset});
    return image.AddSymbols(SHT_DYNSYM, symbols).Bytes();
  }

 private:
  using Function = std::pair<std::string, std::size_t>;

  /// A CIE whose FDEs have addresses as they are, and these (LSB 5.0 Core, 10.6.1).
  std::string Records(std::uint64_t base) const {
    const std::string cie(std::string("\0\0\0\0\x01zR\0\x01\x78\x10\x01\x04", 13) + "\0\0\0");
    std::string records = Bytes(cie.size(), 4) + cie;
    for (const auto& [name, size] : functions_) {
      const std::uint64_t to_cie = records.size() + 4;
      const std::string fde = Bytes(to_cie, 4) + Bytes(base + OffsetOf(name), 8) + Bytes(size, 8) +
                              std::string(4, '\0');
      records += Bytes(fde.size(), 4) + fde;
    }
    return records + std::string(4, '\0');
  }

  std::vector<Function> functions_;
  std::vector<std::pair<std::string, std::uint64_t>> inside_;
  std::string code_;
  bool unwinds_ = true;
};

class ProbePlanTest : public ::testing::Test {
 protected:
  Result<ProbePlan> Plan(const LibraryBuilder& library, AttachMode mode = AttachMode::kAuto,
                         PointSupport support = PointSupport::kCookies) {
    std::ofstream(path, std::ios::binary) << library.File(code_offset);
    return PlanProbes(kOpenSslFamily, mode, support, path, "the library");
  }

  /// "SSL_read: read_enter at 0 emulated", by the place in the code.
  std::vector<std::string> Shown(const Result<ProbePlan>& plan) const {
    if (!plan) return {plan.error().Describe()};
    std::vector<std::string> lines;
    for (const PlannedProbe& probe : plan->probes)
      lines.push_back(std::string(probe.function) + ": " + std::string(probe.program) + " at " +
                      std::to_string(probe.offset - code_offset) +
                      (probe.price == PointPrice::kEmulated ? " emulated" : " stepped"));
    for (const RefusedFunction& refused : plan->refused)
      lines.push_back(std::string(refused.function) + ": " + refused.reason);
    return lines;
  }

  testing::ScratchFolder folder;
  const std::string path = folder.path() + "/libssl.so.3";
  std::uint64_t code_offset = 0;
};

TEST_F(ProbePlanTest, ProbesThePublicFunctionsWhereThereIsNoInnerOne) {
  const auto plan = Plan(LibraryBuilder().Add("SSL_read").Add("SSL_write", kJumpless));
  EXPECT_THAT(Shown(plan), ElementsAre("SSL_read: read_enter at 0 emulated",
                                       "SSL_read: ssl_io_exit at 8 emulated",
                                       "SSL_write: write_enter at 128 emulated",
                                       "SSL_write: ssl_io_exit at 134 stepped"));
  ASSERT_TRUE(plan.has_value());
  EXPECT_EQ(plan->points, (AttachPoints{AttachPoint::kPublic, AttachPoint::kPublic}));
}

TEST_F(ProbePlanTest, TellsTheProgramsWhatTheyHaveToKnowOfAnInstruction) {
  const auto plan = Plan(LibraryBuilder().Add("SSL_read").Add("SSL_write"));
  ASSERT_TRUE(plan.has_value()) << plan.error().Describe();
  ASSERT_EQ(plan->probes.size(), 4U);
  EXPECT_EQ(plan->probes[0].point.frame, 0);
  EXPECT_EQ(plan->probes[0].end, CallEnd::kEntry);
  EXPECT_EQ(plan->probes[1].point.frame, 8);  // what was pushed is still there
  EXPECT_EQ(plan->probes[1].end, CallEnd::kExit);
  EXPECT_EQ(plan->probes[1].point.result.kind, TLSCOPE_PLACE_REGISTER);
  EXPECT_EQ(plan->probes[1].point.result.reg, 0);
  EXPECT_EQ(plan->probes[1].point.flags & TLSCOPE_POINT_WRITES, 0U);
  EXPECT_NE(plan->probes[3].point.flags & TLSCOPE_POINT_WRITES, 0U);
}

TEST_F(ProbePlanTest, ProbesTheInnerFunctionThatBothPublicOnesCall) {
  const auto plan = Plan(LibraryBuilder()
                             .Add("ssl_read_internal", kEndbr64 + kPlain)
                             .AddCallers("SSL_read", "SSL_read_ex", "ssl_read_internal"));
  EXPECT_THAT(Shown(plan), ElementsAre("SSL_read: read_ex_enter at 4 emulated",
                                       "SSL_read: ssl_io_exit at 12 emulated"));
  ASSERT_TRUE(plan.has_value());
  EXPECT_EQ(plan->points, (AttachPoints{AttachPoint::kInner, AttachPoint::kNone}));
}

TEST_F(ProbePlanTest, ProbesThePublicFunctionsWhenAskedTo) {
  const auto plan = Plan(LibraryBuilder()
                             .Add("ssl_write_internal")
                             .AddCallers("SSL_write", "SSL_write_ex", "ssl_write_internal"),
                         AttachMode::kPublic);
  ASSERT_TRUE(plan.has_value()) << plan.error().Describe();
  EXPECT_THAT(plan->probes, ElementsAre(Field(&PlannedProbe::program, "write_enter"),
                                        Field(&PlannedProbe::program, "ssl_io_exit"),
                                        Field(&PlannedProbe::program, "write_ex_enter"),
                                        Field(&PlannedProbe::program, "ssl_io_exit")));
  EXPECT_EQ(plan->points, (AttachPoints{AttachPoint::kNone, AttachPoint::kPublic}));
}

TEST_F(ProbePlanTest, KeepsToWhereTheFrameIsGoneWhereProgramsAreToldNothing) {
  const auto plan = Plan(LibraryBuilder().Add("SSL_read").Add("SSL_write", kStepped),
                         AttachMode::kAuto, PointSupport::kNone);
  EXPECT_THAT(Shown(plan), ElementsAre("SSL_read: read_enter at 0 emulated",
                                       "SSL_read: ssl_io_exit at 11 stepped",
                                       "SSL_write: write_enter at 128 stepped",
                                       "SSL_write: ssl_io_exit at 141 stepped"));
  ASSERT_TRUE(plan.has_value());
  EXPECT_THAT(plan->probes, Each(Field(&PlannedProbe::point, Field(&tlscope_point::frame, 0))));
}

TEST_F(ProbePlanTest, RefusesAFunctionWithAWayOutThatCannotBeTold) {
  const auto plan = Plan(LibraryBuilder().Add("SSL_read", kUntold).Add("SSL_write"));
  const auto shown = Shown(plan);
  EXPECT_THAT(shown, Contains(HasSubstr("SSL_read: it leaves by an indirect jump at 0x")));
  EXPECT_THAT(shown, Not(Contains(HasSubstr("read_enter"))));
  EXPECT_THAT(shown, Contains(HasSubstr("write_enter")));
}

TEST_F(ProbePlanTest, RefusesASymbolInsideTheCodeOfAnotherFunction) {
  // Its place is in the middle of an instruction.
  const auto plan = Plan(LibraryBuilder().Add("SSL_write").AddInside("SSL_read", "SSL_write", 3));
  EXPECT_THAT(Shown(plan), Contains(HasSubstr("SSL_read: it begins inside the function at 0x")));
}

TEST_F(ProbePlanTest, RefusesFunctionsWhoseEndIsNotKnown) {
  const auto plan = Plan(LibraryBuilder().Add("SSL_read").Add("SSL_write").WithoutUnwindTable());
  ASSERT_TRUE(plan.has_value()) << plan.error().Describe();
  EXPECT_THAT(plan->probes, IsEmpty());
  EXPECT_EQ(plan->refused.size(), 2U);
  EXPECT_THAT(Shown(plan), Each(HasSubstr("its end is not known")));
}

TEST_F(ProbePlanTest, RefusesAFunctionThatBeginsAndEndsAtOneInstruction) {
  const auto plan = Plan(LibraryBuilder().Add("SSL_read", "\xc3").Add("SSL_write"));
  EXPECT_THAT(Shown(plan), Contains("SSL_read: its calls begin and end at one instruction"));
}

TEST_F(ProbePlanTest, RefusesCodeThatRunsOverItsEnd) {
  const auto plan = Plan(LibraryBuilder().Add("SSL_read", kPlain.substr(0, 11)).Add("SSL_write"));
  EXPECT_THAT(Shown(plan), Contains(HasSubstr("SSL_read: it runs over its end at 0x")));
}

TEST_F(ProbePlanTest, PlansForEveryFunctionThatALibraryHas) {
  LibraryBuilder library;
  for (const FunctionProbes& probes : kOpenSslFamily.functions)
    library.Add(std::string(probes.function));
  const auto plan = Plan(library);
  ASSERT_TRUE(plan.has_value()) << plan.error().Describe();
  EXPECT_THAT(Shown(plan),
              Contains("BIO_f_ssl: it calls what is behind the public functions, which "
                       "have the probes"));
  EXPECT_EQ(plan->refused.size(), 1U);
  for (const FunctionProbes& probes : kOpenSslFamily.functions) {
    // Public functions that wrap another one of the library are left to that.
    if (probes.function == "SSL_write_ex") continue;
    SCOPED_TRACE(probes.function);
    const auto at = [&](std::string_view program, std::uint64_t offset) {
      const std::uint64_t start = library.OffsetOf(std::string(probes.function));
      return AllOf(Field(&PlannedProbe::function, probes.function),
                   Field(&PlannedProbe::program, program),
                   Field(&PlannedProbe::offset, code_offset + start + offset));
    };
    EXPECT_THAT(plan->probes, Contains(at(probes.at_entry, 0)));
    if (!probes.at_exit.empty()) {
      EXPECT_THAT(plan->probes, Contains(at(probes.at_exit, kPlainJump)));
    }
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
  const auto missing = PlanProbes(kOpenSslFamily, AttachMode::kAuto, PointSupport::kCookies,
                                  "/no/such", "the library");
  ASSERT_FALSE(missing.has_value());
  EXPECT_EQ(missing.error().code, Errc::kSystem);
  EXPECT_EQ(missing.error().what, "read the library");
  std::ofstream(path) << "text";
  const auto text =
      PlanProbes(kOpenSslFamily, AttachMode::kAuto, PointSupport::kCookies, path, "the library");
  ASSERT_FALSE(text.has_value());
  EXPECT_EQ(text.error().code, Errc::kNotFound);
}

TEST_F(ProbePlanTest, SurvivesALibraryCutAnywhere) {
  const auto library = LibraryBuilder()
                           .Add("ssl_read_internal")
                           .AddCallers("SSL_read", "SSL_read_ex", "ssl_read_internal");
  const std::string whole = library.File(code_offset);
  for (std::size_t size = 0; size < whole.size(); size += 13) {
    std::ofstream(path, std::ios::binary) << whole.substr(0, size);
    const auto plan =
        PlanProbes(kOpenSslFamily, AttachMode::kAuto, PointSupport::kCookies, path, "the library");
    if (!plan) continue;
    EXPECT_THAT(plan->probes, Each(Field(&PlannedProbe::offset, Lt(size))));
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
    for (const std::string_view ex : direction.ex) {
      if (!ex.empty()) {
        EXPECT_THAT(names, Contains(ex));
      }
    }
  }
}

}  // namespace
}  // namespace tlscope
