// The commands of clients, already checked for form (types, lengths, ranges) and free of any wire format.
// All views point into the caller's buffers and are valid only during the call they are passed to.
//
// A command is described here, and nowhere else: its name, its fields and what is special about it. The parser, the
// check of who may send it, the questions to the operator's scripts and docs/api.md follow from that.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <tuple>
#include <utility>
#include <variant>

#include "core/session/field.h"
#include "core/session/kept.h"
#include "core/session/limits.h"
#include "core/session/playback.h"
#include "core/session/stall.h"

namespace mediasync::session {

// The farthest that a command may be ahead, in milliseconds. One that is farther ahead takes effect now.
inline constexpr std::int64_t kMaxExecuteAhead = 10'000;

enum class Sender : std::uint8_t {
  kAnyone,
  kNewcomer,  // a connection in no session, or in the same one as the same user
  kMember,
  kLeader,
};

// Says whether the operator's scripts have a say in a command.
enum class Scripts : std::uint8_t {
  kNotAsked,
  kAsked,
  kAskedToJoin,  // by the hook for joins
};

// Says what happens to a command if readers have to catch up first.
enum class Weight : std::uint8_t {
  kMinor,  // it keeps nothing else waiting: everybody may say it
  kFull,
};

// The facts of a command. None has a default.
struct CommandFacts {
  constexpr CommandFacts(std::string_view called, Sender by, Scripts asked, Weight weighs)
      : name(called), sender(by), scripts(asked), weight(weighs) {}

  std::string_view name;
  Sender sender;
  Scripts scripts;
  Weight weight;
};

struct SyncPlayback {
  double position = 0;
  bool isPlaying = false;
  std::optional<std::string_view> mediaUrl;  // absent: keep the current one
  std::optional<std::string_view> mediaId;   // absent: keep the current one
  double playbackRate = 1.0;
  std::optional<std::int64_t> executeAt = {};  // epoch milliseconds; absent: now

  static constexpr CommandFacts kFacts{"sync_playback", Sender::kLeader, Scripts::kAsked, Weight::kFull};
  static constexpr auto fields() {
    return std::tuple{required("position", &SyncPlayback::position, kPosition, kInvalidPosition),
                      required("isPlaying", &SyncPlayback::isPlaying, Flag{}, kInvalidIsPlaying),
                      optional("mediaUrl", &SyncPlayback::mediaUrl, kMediaUrl, kInvalidMediaUrl),
                      optional("mediaId", &SyncPlayback::mediaId, kMediaId, kInvalidMediaId),
                      optional("playbackRate", &SyncPlayback::playbackRate, kPlaybackRate, kInvalidPlaybackRate),
                      optional("executeAt", &SyncPlayback::executeAt, Time{}, kInvalidExecuteAt)};
  }
};

struct Heartbeat {
  std::optional<double> probe = {};  // asks for precise times, and is echoed back as it came

  static constexpr CommandFacts kFacts{"heartbeat", Sender::kAnyone, Scripts::kNotAsked, Weight::kFull};
  static constexpr auto fields() { return std::tuple{optional("probe", &Heartbeat::probe, Number{}, Refusal{})}; }
};

struct ReportDesync {
  double reportedPosition = 0;
  std::optional<double> reportedTime;  // echoed back as it came; null when absent

  static constexpr CommandFacts kFacts{"report_desync", Sender::kMember, Scripts::kAsked, Weight::kFull};
  static constexpr auto fields() {
    return std::tuple{required("reportedPosition", &ReportDesync::reportedPosition, Number{}, kInvalidReport),
                      optional("reportedTime", &ReportDesync::reportedTime, Number{}, kInvalidReport)};
  }
};

inline constexpr Text kSecret{kMinSecretBytes, kMaxSecretBytes};

struct JoinSession {
  std::string_view sessionId;
  std::string_view userId;
  std::string_view username;
  std::optional<std::string_view> avatar;
  std::optional<std::string_view> userSecret = {};

  static constexpr CommandFacts kFacts{"join_session", Sender::kNewcomer, Scripts::kAskedToJoin, Weight::kFull};
  static constexpr auto fields() {
    return std::tuple{required("sessionId", &JoinSession::sessionId, kId, kInvalidSessionId),
                      required("userId", &JoinSession::userId, kId, kInvalidUserId),
                      required("username", &JoinSession::username, kUsername, kInvalidUsername),
                      optional("avatar", &JoinSession::avatar, kAvatar, kInvalidAvatar),
                      optional("userSecret", &JoinSession::userSecret, kSecret, kInvalidUserSecret)};
  }
};

struct LeaveSession {
  static constexpr CommandFacts kFacts{"leave_session", Sender::kMember, Scripts::kNotAsked, Weight::kFull};
  static constexpr auto fields() { return std::tuple{}; }
};

struct LoadMedia {
  std::string_view mediaUrl;
  std::optional<std::string_view> mediaId;
  std::optional<std::string_view> mediaTitle;
  std::optional<double> mediaDuration;

  static constexpr CommandFacts kFacts{"load_media", Sender::kLeader, Scripts::kAsked, Weight::kFull};
  static constexpr auto fields() {
    return std::tuple{required("mediaUrl", &LoadMedia::mediaUrl, Text{1, kMaxMediaUrlBytes}, kInvalidMediaUrl),
                      optional("mediaId", &LoadMedia::mediaId, kMediaId, kInvalidMediaId),
                      optional("mediaTitle", &LoadMedia::mediaTitle, kMediaTitle, kInvalidMediaTitle),
                      optional("mediaDuration", &LoadMedia::mediaDuration, kMediaDuration, kInvalidMediaDuration)};
  }
};

struct RequestLeadership {
  static constexpr CommandFacts kFacts{"request_leadership", Sender::kMember, Scripts::kAsked, Weight::kFull};
  static constexpr auto fields() { return std::tuple{}; }
};

// The user's film has stalled, or goes on.
struct ReportBuffering {
  Stall stall;

  static constexpr CommandFacts kFacts{"report_buffering", Sender::kMember, Scripts::kAsked, Weight::kMinor};
  static constexpr auto fields() { return std::tuple{part(&ReportBuffering::stall)}; }
};

struct RequestSessionState {
  static constexpr CommandFacts kFacts{"request_session_state", Sender::kMember, Scripts::kNotAsked, Weight::kFull};
  static constexpr auto fields() { return std::tuple{}; }
};

// In the order in which they are looked for: what is sent most often comes first.
using Command = std::variant<SyncPlayback, Heartbeat, ReportDesync, JoinSession, LeaveSession, LoadMedia,
                             RequestLeadership, ReportBuffering, RequestSessionState>;

namespace detail {

template <std::size_t... I>
constexpr auto commandFacts(std::index_sequence<I...>) {
  return std::array{std::variant_alternative_t<I, Command>::kFacts...};
}

}  // namespace detail

// By their place in Command.
inline constexpr auto kCommandFacts = detail::commandFacts(std::make_index_sequence<std::variant_size_v<Command>>());

inline const CommandFacts& factsOf(const Command& command) {
  return kCommandFacts[command.index()];
}

}  // namespace mediasync::session
