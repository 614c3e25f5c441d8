// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace tlscope {

/// How far the agent is. A tree of events keeps the stage in which its root began.
enum class Stage : std::uint8_t { kStarting, kAttaching, kCapturing, kPaused, kDraining, kEnded };

constexpr std::string_view StageName(Stage stage) {
  switch (stage) {
    case Stage::kStarting:
      return "starting";
    case Stage::kAttaching:
      return "attaching";
    case Stage::kCapturing:
      return "capturing";
    case Stage::kPaused:
      return "paused";
    case Stage::kDraining:
      return "draining";
    case Stage::kEnded:
      return "ended";
  }
  return "";
}

inline constexpr std::array kStages = {Stage::kStarting, Stage::kAttaching, Stage::kCapturing,
                                       Stage::kPaused,   Stage::kDraining,  Stage::kEnded};

/// Nothing when no stage has that name.
constexpr std::optional<Stage> StageNamed(std::string_view name) {
  for (const Stage stage : kStages) {
    if (StageName(stage) == name) return stage;
  }
  return std::nullopt;
}

/// Says which events belong together: a tree. Ids are random enough never to meet; 0 is none.
struct Correlation {
  std::uint64_t id = 0;
  std::uint64_t parent = 0;  ///< 0: this is the root
  std::uint64_t root = 0;
  Stage stage = Stage::kCapturing;  ///< the agent's when the root began

  /// The root of a new tree.
  static Correlation Root(std::uint64_t id, Stage stage) { return {id, 0, id, stage}; }

  /// A child, the same for the same `ordinal`: it inherits root and stage.
  Correlation Child(std::uint64_t ordinal) const {
    return {Mix(id + 0x9e37'79b9'7f4a'7c15 * (ordinal + 1)), id, root, stage};
  }

  bool operator==(const Correlation&) const = default;

 private:
  // The finaliser of SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number
  // Generators, 2014): a bijection, so children of one parent never meet.
  static std::uint64_t Mix(std::uint64_t value) {
    value = (value ^ (value >> 30)) * 0xbf58'476d'1ce4'e5b9;
    value = (value ^ (value >> 27)) * 0x94d0'49bb'1331'11eb;
    return value ^ (value >> 31);
  }
};

}  // namespace tlscope
