// The stall of a user's film, and its cause.
#pragma once

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string_view>
#include <tuple>

#include "core/session/field.h"

namespace mediasync::session {

enum class Problem : std::uint8_t {
  kNone,         // or unknown
  kNetwork,      // the film comes too slowly, or not at all
  kMissing,      // the film does not exist
  kUnsupported,  // the player cannot play it
};

// By their numbers; kNone has no name.
inline constexpr std::string_view kProblemNames[] = {"", "network", "missing", "unsupported"};
static_assert(std::size(kProblemNames) == static_cast<std::size_t>(Problem::kUnsupported) + 1);

// nullopt: there is no such problem.
inline std::optional<Problem> problemOf(std::string_view name) {
  const auto* found = std::find(std::begin(kProblemNames) + 1, std::end(kProblemNames), name);
  if (found == std::end(kProblemNames)) return std::nullopt;
  return static_cast<Problem>(found - std::begin(kProblemNames));
}

// "": it has none.
inline std::string_view nameOf(Problem problem) {
  return kProblemNames[static_cast<std::size_t>(problem)];
}

struct Stall {
  bool isBuffering = false;  // the film has stalled for lack of data
  Problem problem = Problem::kNone;

  static constexpr auto fields() {
    return std::tuple{required("isBuffering", &Stall::isBuffering, Flag{}, kInvalidIsBuffering),
                      optional("problem", &Stall::problem, Choice{}, kInvalidProblem)};
  }
  friend bool operator==(const Stall&, const Stall&) = default;
};

}  // namespace mediasync::session
