// The API's names for the reasons why a film does not play.
#pragma once

#include <algorithm>
#include <iterator>
#include <optional>
#include <string_view>

#include "core/session/stall.h"

namespace mediasync::api {

struct ProblemName {
  session::Problem problem;
  std::string_view name;
};
inline constexpr ProblemName kProblemNames[] = {
    {session::Problem::kNetwork, "network"},
    {session::Problem::kMissing, "missing"},
    {session::Problem::kUnsupported, "unsupported"},
};

// Returns nullopt for an unknown name.
inline std::optional<session::Problem> problemOf(std::string_view name) {
  const auto* found = std::find_if(std::begin(kProblemNames), std::end(kProblemNames),
                                   [name](const ProblemName& one) { return one.name == name; });
  return found == std::end(kProblemNames) ? std::nullopt : std::optional(found->problem);
}

// Returns nullopt for kNone, which has no name.
inline std::optional<std::string_view> nameOf(session::Problem problem) {
  const auto* found = std::find_if(std::begin(kProblemNames), std::end(kProblemNames),
                                   [problem](const ProblemName& one) { return one.problem == problem; });
  return found == std::end(kProblemNames) ? std::nullopt : std::optional(found->name);
}

}  // namespace mediasync::api
