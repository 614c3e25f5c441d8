// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <system_error>
#include <tl/expected.hpp>
#include <type_traits>
#include <utility>

namespace tlscope {

/// What kind of failure it is; the command line maps each to an exit status.
enum class Errc : std::uint8_t {
  kUsage,          ///< what was asked makes no sense
  kPrivilege,      ///< the caller may not do this
  kUnsupported,    ///< the kernel cannot do this
  kNotFound,       ///< what was named is not there
  kSystem,         ///< a system call failed; `error_number` says how
  kInvalidRecord,  ///< a record from the ring breaks the ABI
};

/// Why something did not work: verb and object, the errno (0 when there is none), the remedy.
struct Error {
  Errc code;
  int error_number = 0;
  std::string what;    ///< "attach SSL_read in /usr/lib/libssl.so.3"
  std::string remedy;  ///< "run it as root"; empty when none is known

  /// "cannot attach SSL_read in ...: Invalid argument; run it as root"
  std::string Describe() const {
    std::string text = "cannot " + what;
    if (error_number != 0) text += ": " + std::generic_category().message(error_number);
    if (!remedy.empty()) text += "; " + remedy;
    return text;
  }
};

template <class T>
class Result;

namespace internal {

template <class T>
inline constexpr bool kIsResult = false;
template <class T>
inline constexpr bool kIsResult<Result<T>> = true;
template <class T>
inline constexpr bool kIsResult<tl::expected<T, Error>> = true;
template <>
inline constexpr bool kIsResult<tl::unexpected<Error>> = true;

template <class U, class T>
concept MakesA = !kIsResult<std::remove_cvref_t<U>> && std::is_constructible_v<T, U>;

}  // namespace internal

/// A value, or why there is none. Used as tl::expected is; the compiler warns where one is thrown
/// away.
template <class T>
class [[nodiscard]] Result : public tl::expected<T, Error> {
 public:
  using Base = tl::expected<T, Error>;

  Result() = default;
  // The constructors of `Base` are not inherited: they would make a Result<bool> of whether another
  // Result has a value. Implicit as theirs are, and the concept leaves out what hides a copy.
  // NOLINTBEGIN(google-explicit-constructor, bugprone-forwarding-reference-overload)
  template <internal::MakesA<T> U = T>
  explicit(!std::is_convertible_v<U, T>) Result(U&& value) : Base(std::forward<U>(value)) {}
  Result(tl::unexpected<Error> error) : Base(std::move(error)) {}
  Result(Base base) : Base(std::move(base)) {}

  /// A unique_ptr to a derived class becomes one to its base, for example.
  template <std::convertible_to<T> U>
  Result(Result<U> other) : Base(static_cast<tl::expected<U, Error>&&>(other)) {}
};  // NOLINTEND(google-explicit-constructor, bugprone-forwarding-reference-overload)

/// The error half of any Result.
[[nodiscard]] inline tl::unexpected<Error> Fail(Errc code, int error_number, std::string what,
                                                std::string remedy = {}) {
  return tl::make_unexpected(Error{code, error_number, std::move(what), std::move(remedy)});
}

/// Passes an error on to the caller, which returns a Result of any type:
///
///   TLSCOPE_TRY(const auto file, OpenElf(path));   // declares `file`, moved out of the Result
///   TLSCOPE_TRY(folder_, OpenFolder(path));        // assigns
///   TLSCOPE_TRY(CheckReadable(path));              // no value, or one that nobody needs
///
/// Each is a statement that ends with a semicolon. Those with a value are several, so that they
/// stand in a block, not alone under an `if`.
#define TLSCOPE_TRY(...)                                                                 \
  TLSCOPE_TRY_PICK(__VA_ARGS__, TLSCOPE_TRY_VALUE, TLSCOPE_TRY_VALUE, TLSCOPE_TRY_VALUE, \
                   TLSCOPE_TRY_ALONE, )                                                  \
  (TLSCOPE_TRY_JOIN(tlscope_tried_, __COUNTER__), __VA_ARGS__)

// Which of them has as many arguments; commas of template arguments in an expression count, too.
#define TLSCOPE_TRY_PICK(first, second, third, fourth, form, ...) form
#define TLSCOPE_TRY_JOIN(left, right) TLSCOPE_TRY_JOIN_EXPANDED(left, right)
#define TLSCOPE_TRY_JOIN_EXPANDED(left, right) left##right
// NOLINTBEGIN(bugprone-macro-parentheses): what is declared takes none.
#define TLSCOPE_TRY_VALUE(tried, target, ...)                       \
  auto tried = (__VA_ARGS__);                                       \
  if (!tried) return tl::make_unexpected(std::move(tried).error()); \
  target = *std::move(tried)

#define TLSCOPE_TRY_ALONE(tried, expression)                                                     \
  do {                                                                                           \
    if (auto tried = (expression); !tried) return tl::make_unexpected(std::move(tried).error()); \
  } while (false)
// NOLINTEND(bugprone-macro-parentheses)
}  // namespace tlscope
