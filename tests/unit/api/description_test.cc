// core/api/description.json says what the structs say of themselves: the documents that are made of it are right then.
#include <algorithm>
#include <catch2/catch.hpp>
#include <fstream>
#include <iterator>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

#include "core/api/reply.h"
#include "core/session/command.h"
#include "core/session/event.h"
#include "core/session/field.h"
#include "core/session/refusal.h"
#include "core/session/snapshot.h"
#include "core/session/stall.h"

using namespace mediasync;
using namespace mediasync::session;
using nlohmann::json;

namespace {

json readDescription() {
  std::ifstream file(MEDIASYNC_SOURCE_DIR "/core/api/description.json");
  return json::parse(file);
}

const json kDescription = readDescription();

// ---- what a struct says, in the words of the description

void describeBounds(json& field, Number form) {
  if (form.least > std::numeric_limits<double>::lowest()) field["minimum"] = form.least;
  if (form.most < std::numeric_limits<double>::max()) field["maximum"] = form.most;
}

json describeForm(Number form) {
  json field{{"type", "number"}};
  describeBounds(field, form);
  return field;
}
json describeForm(Flag) {
  return {{"type", "boolean"}};
}
json describeForm(Count) {
  return {{"type", "count"}};
}
json describeForm(Time) {
  return {{"type", "time"}};
}
json describeForm(IsoTime) {
  return {{"type", "isoTime"}};
}
json describeForm(Choice) {
  return {{"type", "problem"}};
}

// A field of a command.
json describeInput(Text form) {
  return {{"type", "text"}, {"bytes", {form.least, form.most}}};
}
json describeInput(IdOfUrl form) {
  json field = describeInput(static_cast<Text>(form));
  field["sameAs"] = {{"field", "mediaUrl"}, {"bytes", {kMediaUrl.least, kMediaUrl.most}}};
  return field;
}
template <class Form>
json describeInput(const Form& form) {
  return describeForm(form);
}
json describeInput(TitleOfUrl form) {
  return describeInput(static_cast<Text>(form));
}

// A field that clients are shown.
template <class T, class Owner>
json describeShown(const T&, Text, const Owner&) {
  json field{{"type", "string"}};
  if (isOptional<T>) field["nullable"] = true;
  return field;
}
template <class T, class Owner>
json describeShown(const T&, Number form, const Owner&) {
  json field = describeForm(form);
  if (isOptional<T>) field["nullable"] = true;
  return field;
}
// They are there whenever there is a URL.
template <class Owner>
bool hasNoUrl(const Owner& owner) {
  return isOptional<std::remove_cvref_t<decltype(owner.mediaUrl)>>;
}
template <class T, class Owner>
json describeShown(const T&, IdOfUrl, const Owner& owner) {
  json field{{"type", "string"}};
  if (hasNoUrl(owner)) field["nullable"] = true;
  return field;
}
template <class T, class Owner>
json describeShown(const T& value, TitleOfUrl, const Owner& owner) {
  return describeShown(value, IdOfUrl{}, owner);
}
template <class T, class Owner>
json describeShown(const T&, LengthOfUrl form, const Owner& owner) {
  json field = describeForm(static_cast<Number>(form));
  if (hasNoUrl(owner)) field["nullable"] = true;
  return field;
}
template <class T, class Owner>
json describeShown(const T&, Choice form, const Owner&) {
  json field = describeForm(form);
  field["optional"] = true;
  return field;
}
template <class T, class Owner>
json describeShown(const T&, Object, const Owner&) {
  return {{"type", std::remove_cvref_t<std::remove_pointer_t<T>>::kName}};
}
template <class T, class Owner>
json describeShown(const std::vector<T>&, Objects, const Owner&) {
  return {{"type", T::kName}, {"array", true}};
}
template <class T, class Form, class Owner>
json describeShown(const T&, const Form& form, const Owner&) {
  return describeForm(form);
}

template <class C>
json inputsOf() {
  json fields = json::array();
  const C command{};
  eachField(command, [&fields](const auto& entry, const auto&) {
    json field = describeInput(entry.form);
    field["name"] = entry.name;
    if (!entry.isRequired) field["optional"] = true;
    if (entry.refusal) field["refusal"] = entry.refusal.code;
    fields.push_back(field);
  });
  return fields;
}

template <class T>
json shownOf() {
  json fields = json::array();
  const T object{};
  eachField(object, [&fields](const auto& entry, const auto& owner) {
    using Entry = std::remove_cvref_t<decltype(entry)>;
    json field;
    if constexpr (std::is_base_of_v<Computed, Entry>) {
      field = {{"type", "time"}, {"name", Entry::kName}};
      if (std::is_same_v<Entry, Beginning>) field["optional"] = true;
    } else {
      if (entry.use == Use::kKept) return;
      field = describeShown(owner.*entry.member, entry.form, owner);
      field["name"] = entry.name;
    }
    fields.push_back(field);
  });
  return fields;
}

// ---- what the description says

// All fields of a structure, without what is said about them in words.
json fieldsOf(const json& structure) {
  json fields = json::array();
  if (structure.contains("extends"))
    fields = fieldsOf(kDescription.at("objects").at(structure["extends"].get<std::string>()));
  for (json field : structure["fields"]) {
    field.erase("text");
    fields.push_back(field);
  }
  return fields;
}

template <class... T, class Fn>
void eachAlternative(const std::variant<T...>*, Fn fn) {
  (fn(T{}), ...);
}

constexpr const Command* kCommands = nullptr;
constexpr const EventBody* kEvents = nullptr;

template <class T>
void checkObject() {
  INFO(T::kName);
  CHECK(fieldsOf(kDescription.at("objects").at(std::string(T::kName))) == shownOf<T>());
}

template <class T>
void checkEvent(std::string_view name) {
  INFO(name);
  CHECK(fieldsOf(kDescription.at("events").at(std::string(name))) == shownOf<T>());
}

}  // namespace

TEST_CASE("the description has the commands that there are, with their fields", "[api][description]") {
  std::size_t count = 0;
  eachAlternative(kCommands, [&count](const auto& command) {
    using C = std::remove_cvref_t<decltype(command)>;
    INFO(C::kFacts.name);
    const json described = kDescription["commands"].value(C::kFacts.name, json());
    REQUIRE(described.is_object());
    ++count;
    const json fields = inputsOf<C>();
    CHECK(fieldsOf(described) == fields);
    const bool needsData =
        std::any_of(fields.begin(), fields.end(), [](const json& f) { return !f.contains("optional"); });
    CHECK(described.value("needsData", false) == needsData);
  });
  CHECK(kDescription["commands"].size() == count);
}

TEST_CASE("the description says who may send a command, and whether scripts are asked", "[api][description]") {
  for (const CommandFacts& facts : kCommandFacts) {
    INFO(facts.name);
    const json& described = kDescription.at("commands").at(std::string(facts.name));
    constexpr std::string_view kSenders[] = {"anyone", "a connection in no session", "a member", "the leader"};
    CHECK_THAT(described["who"].get<std::string>(),
               Catch::StartsWith(std::string(kSenders[static_cast<std::size_t>(facts.sender)])));
    const json hooks[] = {nullptr, "command", "join"};
    CHECK(described.value("hook", json()) == hooks[static_cast<std::size_t>(facts.scripts)]);
    const auto isRefused = [&described](const Refusal& refusal) {
      const json& refusals = described["refusals"];
      return std::find(refusals.begin(), refusals.end(), refusal.code) != refusals.end();
    };
    CHECK(isRefused(kNotInSession) == (facts.sender == Sender::kMember || facts.sender == Sender::kLeader));
    CHECK(isRefused(kNotLeader) == (facts.sender == Sender::kLeader));
  }
}

TEST_CASE("the description has the events that there are, with their fields", "[api][description]") {
  std::set<std::string> names{"session_joined", "session_state", "desync_recovery",
                              "heartbeat_ack",  "error",         "server_message"};
  const auto isLogged = [](const std::string& name) {
    return kDescription.at("events").at(name).value("isLogged", false);
  };
  eachAlternative(kEvents, [&](const auto& body) {
    using Body = std::remove_cvref_t<decltype(body)>;
    if (std::is_same_v<Body, CustomEvent>) return;
    const std::string name(Body::kFacts.name);
    names.insert(name);
    checkEvent<Body>(name);
    CHECK(isLogged(name));
  });
  checkEvent<api::SessionJoined>(api::SessionJoined::kName);
  checkEvent<api::DesyncRecovery>(api::DesyncRecovery::kName);
  CHECK(kDescription["events"]["session_state"]["extends"] == "Session");
  CHECK_FALSE(isLogged("desync_recovery"));
  CHECK_FALSE(isLogged("session_state"));
  std::set<std::string> described;
  for (const auto& [name, event] : kDescription["events"].items())
    described.insert(name);
  CHECK(described == names);
}

TEST_CASE("the description has the objects that there are, with their fields", "[api][description]") {
  checkObject<UserView>();
  checkObject<PlaybackView>();
  checkObject<SessionView>();
  checkObject<SessionSummary>();
  checkObject<api::AuthoritativeState>();
}

TEST_CASE("the description has the codes and problems that there are", "[api][description]") {
  for (const Refusal& refusal : kRefusals)
    CHECK(kDescription["codes"].contains(refusal.code));
  json problems = json::array();
  for (std::size_t i = 1; i < std::size(kProblemNames); ++i)
    problems.push_back(kProblemNames[i]);
  CHECK(kDescription["problems"] == problems);
}

TEST_CASE("what refuses a field is counted, and says which, and how long it may be", "[api][description]") {
  eachAlternative(kCommands, [](const auto& command) {
    eachField(command, [](const auto& entry, const auto&) {
      INFO(entry.name);
      if (!entry.refusal) return;
      CHECK(placeOf(entry.refusal.code) < kRefusals.size());
      const std::string message(entry.refusal.message);
      CHECK_THAT(message, Catch::Contains(std::string(entry.name)));
      if constexpr (std::is_base_of_v<Text, std::remove_cvref_t<decltype(entry.form)>>) {
        CHECK_THAT(message, Catch::Contains(" " + std::to_string(entry.form.most) + " bytes"));
        if (entry.form.least > 1) CHECK_THAT(message, Catch::Contains(std::to_string(entry.form.least) + " to "));
      }
    });
  });
}
