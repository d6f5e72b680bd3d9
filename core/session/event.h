// The events that members of a session are told. The log of a session holds these; they are turned into JSON
// once for each worker and format, when they are sent.
//
// An event is described here, and nowhere else: its name, its fields and how it is kept. Its JSON, its bytes in logs
// and state files, and docs/api.md follow from that.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <tuple>
#include <utility>
#include <variant>

#include "core/session/field.h"
#include "core/session/kept.h"
#include "core/session/playback.h"
#include "core/session/stall.h"

namespace mediasync::session {

// For how long the log has an event, when it has to let some go.
enum class Kept : std::uint8_t {
  kInTurn,
  kUntilNext,  // the next one of the kind makes up for it
};

// Says whether room for the event must always be found, since no reader can be waited for.
enum class Room : std::uint8_t { kWhereThereIs, kAlways };

// The facts of an event. None has a default.
struct EventFacts {
  constexpr EventFacts(std::string_view called, Kept lasts, Room needs) : name(called), kept(lasts), room(needs) {}

  std::string_view name;
  Kept kept;
  Room room;
};

struct UserJoined {
  std::string_view userId;
  std::string_view username;
  std::optional<std::string_view> avatar;

  static constexpr EventFacts kFacts{"user_joined", Kept::kInTurn, Room::kWhereThereIs};
  static constexpr auto fields() {
    return std::tuple{field("userId", &UserJoined::userId, kId), field("username", &UserJoined::username, kUsername),
                      field("avatar", &UserJoined::avatar, kAvatar), EventTime{}};
  }
};

struct UserLeft {
  std::string_view userId;
  std::string_view username;

  static constexpr EventFacts kFacts{"user_left", Kept::kInTurn, Room::kAlways};
  static constexpr auto fields() {
    return std::tuple{field("userId", &UserLeft::userId, kId), field("username", &UserLeft::username, kUsername),
                      EventTime{}};
  }
};

// The time at which a playback state takes effect, if that lies ahead.
struct Beginning : Computed {
  static constexpr std::string_view kName = "executeAt";
};

struct PlaybackSync {
  PlaybackView state;
  std::string_view leaderId;

  static constexpr EventFacts kFacts{"playback_sync", Kept::kUntilNext, Room::kWhereThereIs};
  static constexpr auto fields() {
    return std::tuple{part(&PlaybackSync::state), EventTime{}, field("leaderId", &PlaybackSync::leaderId, kIdOrNone),
                      Beginning{}};
  }
};

struct MediaLoaded {
  std::string_view mediaUrl;
  std::optional<std::string_view> mediaId;
  std::optional<std::string_view> mediaTitle;
  std::optional<double> mediaDuration;
  std::string_view loadedBy;

  static constexpr EventFacts kFacts{"media_loaded", Kept::kInTurn, Room::kWhereThereIs};
  static constexpr auto fields() {
    return std::tuple{field("mediaUrl", &MediaLoaded::mediaUrl, kMediaUrl),
                      field("mediaId", &MediaLoaded::mediaId, kMediaId),
                      field("mediaTitle", &MediaLoaded::mediaTitle, kMediaTitle),
                      field("mediaDuration", &MediaLoaded::mediaDuration, kMediaDuration),
                      EventTime{},
                      field("loadedBy", &MediaLoaded::loadedBy, kIdOrNone)};
  }
};

struct LeadershipChanged {
  std::string_view newLeaderId;
  std::string_view newLeaderName;

  static constexpr EventFacts kFacts{"leadership_changed", Kept::kInTurn, Room::kAlways};
  static constexpr auto fields() {
    return std::tuple{field("newLeaderId", &LeadershipChanged::newLeaderId, kId),
                      field("newLeaderName", &LeadershipChanged::newLeaderName, kUsername), EventTime{}};
  }
};

struct UserBuffering {
  std::string_view userId;
  std::string_view username;
  Stall stall;

  static constexpr EventFacts kFacts{"user_buffering", Kept::kInTurn, Room::kWhereThereIs};
  static constexpr auto fields() {
    return std::tuple{field("userId", &UserBuffering::userId, kId),
                      field("username", &UserBuffering::username, kUsername), part(&UserBuffering::stall), EventTime{}};
  }
};

// One of the operator's own.
inline constexpr std::size_t kMaxCustomEventBytes = 3072;
struct CustomEvent {
  std::string_view json;  // an array: the name, then the arguments; at most kMaxCustomEventBytes

  static constexpr EventFacts kFacts{"", Kept::kInTurn, Room::kWhereThereIs};
  static constexpr auto fields() { return std::tuple{kept("json", &CustomEvent::json, Text{0, kMaxCustomEventBytes})}; }
};

// State files store the index of an event's type here: add new types at the end.
using EventBody =
    std::variant<UserJoined, UserLeft, PlaybackSync, MediaLoaded, LeadershipChanged, UserBuffering, CustomEvent>;

namespace detail {

template <std::size_t... I>
constexpr auto eventFacts(std::index_sequence<I...>) {
  return std::array{std::variant_alternative_t<I, EventBody>::kFacts...};
}

}  // namespace detail

// By their place in EventBody.
inline constexpr auto kEventFacts = detail::eventFacts(std::make_index_sequence<std::variant_size_v<EventBody>>());

inline const EventFacts& factsOf(const EventBody& body) {
  return kEventFacts[body.index()];
}

struct Event {
  std::int64_t timestamp = 0;  // epoch milliseconds
  EventBody body;
};

}  // namespace mediasync::session
