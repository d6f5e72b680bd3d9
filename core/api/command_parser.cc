#include "core/api/command_parser.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "core/api/text_rules.h"
#include "core/session/field.h"
#include "core/session/kept.h"
#include "core/session/stall.h"

namespace mediasync::api {
namespace {

using nlohmann::json;
using session::Command;
using Parsed = std::variant<Command, session::Refusal>;

// The payload of an event, as JSON or as it was read in place.
class Data {
 public:
  explicit Data(const json& object) : json_(&object) {}
  explicit Data(const FlatObject& object) : flat_(&object) {}

  // A field that is absent counts as null. nullopt: it is an array, an object or binary.
  std::optional<JsonScalar> operator[](std::string_view name) const {
    if (flat_ != nullptr) {
      const JsonScalar* value = flat_->find(name);
      return value != nullptr ? *value : JsonScalar{};
    }
    const auto it = json_->find(name);
    return it == json_->end() ? JsonScalar{} : scalarOf(*it);
  }

 private:
  static std::optional<JsonScalar> scalarOf(const json& value) {
    using Kind = JsonScalar::Kind;
    if (value.is_null()) return JsonScalar{};
    if (value.is_boolean()) return JsonScalar{Kind::kBoolean, value.get<bool>(), 0, {}};
    if (value.is_number()) return JsonScalar{Kind::kNumber, false, value.get<double>(), {}};
    if (value.is_string()) return JsonScalar{Kind::kText, false, 0, value.get_ref<const std::string&>()};
    return std::nullopt;
  }

  const json* json_ = nullptr;
  const FlatObject* flat_ = nullptr;
};

// ---- values, by their forms. False: it is none of the form, and `out` is as it was.

bool take(const JsonScalar& value, session::Text form, std::string_view& out) {
  if (value.kind != JsonScalar::Kind::kText || value.text.size() < form.least || !isText(value.text, form.most)) {
    return false;
  }
  out = value.text;
  return true;
}

bool take(const JsonScalar& value, session::Number form, double& out) {
  const double number = value.number;
  if (value.kind != JsonScalar::Kind::kNumber || !(number >= form.least && number <= form.most)) return false;
  out = number;
  return true;
}

bool take(const JsonScalar& value, session::Flag, bool& out) {
  if (value.kind != JsonScalar::Kind::kBoolean) return false;
  out = value.boolean;
  return true;
}

bool take(const JsonScalar& value, session::Choice, session::Problem& out) {
  const auto problem = value.kind == JsonScalar::Kind::kText ? session::problemOf(value.text) : std::nullopt;
  if (problem) out = *problem;
  return problem.has_value();
}

// A time, in the unit of the location. Times that no clock shows are moved to where one could.
struct TimeIn : session::Time {
  TimestampUnit unit;
};
bool take(const JsonScalar& value, TimeIn form, std::int64_t& out) {
  constexpr double kLast = 1e15;
  double time = 0;
  if (!take(value, session::Number{}, time)) return false;
  const double ms = form.unit == TimestampUnit::kMilliseconds ? time : time * 1000;
  out = static_cast<std::int64_t>(std::llround(std::clamp(ms, -kLast, kLast)));
  return true;
}

template <class Form, class T>
bool take(const JsonScalar& value, Form form, std::optional<T>& out) {
  T taken{};
  if (!take(value, form, taken)) return false;
  out = taken;
  return true;
}

// The form of a field in this command, which may depend on other fields of `owner`.
template <class Form, class Owner>
Form formFor(const Form& form, const JsonScalar&, const Owner&, TimestampUnit) {
  return form;
}
template <class Owner>
TimeIn formFor(session::Time form, const JsonScalar&, const Owner&, TimestampUnit unit) {
  return {form, unit};
}
// A client sends back what it was told: a URL that stands in the place of an id may be longer than an id.
template <class Owner>
session::Text formFor(session::IdOfUrl form, const JsonScalar& value, const Owner& owner, TimestampUnit) {
  const std::optional<std::string_view> url = owner.mediaUrl;
  return url && value.text == *url ? session::kMediaUrl : form;
}

struct Taking {
  const Data& data;
  TimestampUnit unit;
  session::Refusal refusal;  // of the first field that breaks its rule

  template <class Entry, class Owner>
  bool operator()(const Entry& entry, Owner& owner) {
    const std::optional<JsonScalar> value = data[entry.name];
    if (value && value->kind == JsonScalar::Kind::kNull && !entry.isRequired) return true;
    if (value && take(*value, formFor(entry.form, *value, owner, unit), owner.*entry.member)) return true;
    refusal = entry.refusal;
    return !refusal;
  }
};

template <class C>
Parsed parse(const Data& data, TimestampUnit unit) {
  C command{};
  Taking taking{data, unit, {}};
  if (!session::allFields(command, taking)) return taking.refusal;
  return Command(command);
}

// True if a command has a required field.
template <class C>
constexpr bool needsData() {
  const C command{};
  return !session::allFields(command, [](const auto& entry, const auto&) { return !entry.isRequired; });
}

struct EventRule {
  std::string_view name;
  bool needsData;
  Parsed (*parse)(const Data& data, TimestampUnit unit);
};

template <std::size_t... I>
constexpr auto rulesOf(std::index_sequence<I...>) {
  return std::array{EventRule{session::kCommandFacts[I].name, needsData<std::variant_alternative_t<I, Command>>(),
                              parse<std::variant_alternative_t<I, Command>>}...};
}

constexpr auto kEventRules = rulesOf(std::make_index_sequence<std::variant_size_v<Command>>());

const FlatObject kNothing;

const EventRule* findRule(std::string_view name) {
  const auto* rule = std::find_if(std::begin(kEventRules), std::end(kEventRules),
                                  [name](const EventRule& one) { return one.name == name; });
  return rule == std::end(kEventRules) ? nullptr : rule;
}

Parsed parseCommand(std::string_view event, Data data, bool hasData, TimestampUnit unit) {
  const EventRule* rule = findRule(event);
  if (rule == nullptr) return session::kUnknownEvent;
  if (!hasData && rule->needsData) return session::kInvalidPayload;
  return rule->parse(data, unit);
}

}  // namespace

std::string_view eventName(const json& args) {
  if (!args.is_array() || args.empty() || !args[0].is_string()) return {};
  return args[0].get_ref<const std::string&>();
}

Parsed parseCommand(const json& args, TimestampUnit unit) {
  const std::string_view name = eventName(args);
  const bool hasData = !name.empty() && args.size() > 1 && args[1].is_object();
  return parseCommand(name, hasData ? Data(args[1]) : Data(kNothing), hasData, unit);
}

Parsed parseCommand(std::string_view event, const FlatObject* data, TimestampUnit unit) {
  return parseCommand(event, Data(data != nullptr ? *data : kNothing), data != nullptr, unit);
}

}  // namespace mediasync::api
