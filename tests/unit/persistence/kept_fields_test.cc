// The fields of sessions and users that are kept, as the structs describe them: it comes back from a state file, is
// shown, and is freed.
#include <catch2/catch.hpp>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <type_traits>

#include "core/api/described_json.h"
#include "core/persistence/state_image.h"
#include "core/persistence/state_journal.h"
#include "core/persistence/state_record.h"
#include "core/store/described_bytes.h"
#include "tests/unit/persistence/saved_record.h"
#include "tests/unit/session/filler.h"
#include "tests/unit/store/invariants.h"

using namespace mediasync;
using namespace mediasync::store;
using namespace mediasync::store::test;
using persistence::FrameKind;

namespace {

SavedSession filled() {
  SavedSession saved;
  session::Filler fill(kNow);
  session::eachKept<SavedHead<session::Owned>>(saved, fill);
  saved.hasUsers = true;
  session::eachKept(saved.users.emplace_back(), fill);
  saved.firstSeq = saved.endSeq = 1000;
  return saved;
}

std::string fileWith(const SavedSession& session) {
  std::string file;
  persistence::appendStateHeader(file, {1, {}, {}});
  persistence::appendFrame(file, FrameKind::kSession, recordOf(session));
  persistence::appendFrame(file, FrameKind::kSnapshotEnd, {});
  return file;
}

// The only session of a zone, as it would be saved now.
SavedSession savedOf(const Zone& zone) {
  std::string snapshot, changes;
  persistence::StateJournal journal(zone);
  journal.beginSnapshot();
  while (journal.takeSnapshot(snapshot, changes, 1 << 20, kNow)) {
  }
  std::string_view rest = snapshot;
  SavedSession saved;
  REQUIRE(persistence::parseSession(persistence::takeFrame(rest)->record, saved));
  return saved;
}

std::string textOf(const std::string& text) {
  return text;
}
std::string textOf(const SecretHash& hash) {
  return std::string(hash.begin(), hash.end());
}
std::string textOf(Instant instant) {
  return std::to_string(instant.wall);
}
template <class T>
std::string textOf(const T& number) {
  if constexpr (std::is_enum_v<T>)
    return std::to_string(static_cast<int>(number));
  else
    return std::to_string(number);
}
template <class T>
std::string textOf(const std::optional<T>& value) {
  return value ? textOf(*value) : "none";
}

// The fields of a struct, by their names.
template <class T>
std::map<std::string, std::string> textsOf(const T& object) {
  std::map<std::string, std::string> texts;
  session::eachKept(object,
                    [&texts](const auto& value, const auto& entry) { texts[std::string(entry.name)] = textOf(value); });
  return texts;
}

struct Restored {
  Restored() {
    zone.zone.header().state.enabled = 1;
    const auto image = persistence::StateImage::read(fileWith(saved));
    REQUIRE(image);
    REQUIRE(image->restoreTo(zone.zone, kNow).sessions == 1);
  }

  SavedSession saved = filled();
  TestZone zone;
};

}  // namespace

TEST_CASE("every field of a session and of a user comes back from a state file", "[store][state]") {
  const Restored restored;
  auto before = textsOf<SavedHead<session::Owned>>(restored.saved);
  auto after = textsOf<SavedHead<session::Owned>>(savedOf(restored.zone.zone));
  CHECK(after["formerSerial"] == before["serial"]);
  CHECK(after["formerEnd"] == std::to_string(restored.saved.endSeq));
  for (const char* name : {"serial", "formerSerial", "formerEnd"})
    before.erase(name), after.erase(name);
  CHECK(after == before);

  auto user = textsOf(restored.saved.users[0]);
  auto userAfter = textsOf(savedOf(restored.zone.zone).users.at(0));
  user.erase("serial"), userAfter.erase("serial");
  CHECK(userAfter == user);
}

TEST_CASE("every text that is kept of a session and of a user is shown, and freed with it", "[store][state]") {
  const Restored restored;
  const Zone& zone = restored.zone.zone;
  Snapshot snapshot;
  {
    SessionTransaction txn(zone, "sessionId");
    REQUIRE(txn.find("sessionId"));
    txn.copyTo(snapshot, kNow);
    CHECK(txn.stateBytes() >= snapshot.view.users.size());
  }
  std::string text;
  api::JsonWriter writer(text);
  api::writeObject(writer, snapshot.view, {api::TimestampUnit::kSeconds});
  const auto shown = nlohmann::json::parse(text);
  const auto checkShown = [](const nlohmann::json& object) {
    return [&object](const auto&, const auto& entry) {
      INFO(entry.name);
      if constexpr (std::is_base_of_v<session::Text, std::remove_cvref_t<decltype(entry.form)>>) {
        CHECK(object.value(entry.name, "not there") == entry.name);
      } else {
        CHECK(object.contains(entry.name));
      }
    };
  };
  session::eachKept<const session::SessionIds<session::Owned>>(restored.saved, checkShown(shown));
  session::eachKept<const session::MediaTexts<session::Owned>>(restored.saved, checkShown(shown["playbackState"]));
  session::eachKept<const session::SessionTimes>(restored.saved, checkShown(shown));
  session::eachKept<const session::UserProfile<session::Owned>>(restored.saved.users[0], checkShown(shown["users"][0]));

  for (bool isGone = false; !isGone;) {
    SessionTransaction txn(zone, "sessionId");
    isGone = !txn.find("sessionId") || txn.destroy(kNow);
    txn.commit(const_cast<WakeSet&>(restored.zone.wake));
  }
  REQUIRE_INVARIANTS(zone);
}
