// Events that go to one client, as an answer. They are in no log.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <tuple>

#include "core/session/field.h"
#include "core/session/kept.h"
#include "core/session/playback.h"
#include "core/session/snapshot.h"

namespace mediasync::api {

// Longest event name that an `error` repeats, in bytes.
inline constexpr std::size_t kMaxEchoedEventBytes = 128;

struct SessionJoined {
  std::string_view sessionId;
  std::string_view userId;
  bool isLeader = false;
  const session::SessionView* session = nullptr;

  static constexpr std::string_view kName = "session_joined";
  static constexpr auto fields() {
    return std::tuple{session::field("sessionId", &SessionJoined::sessionId, session::kId),
                      session::field("userId", &SessionJoined::userId, session::kId),
                      session::field("isLeader", &SessionJoined::isLeader, session::Flag{}),
                      session::field("session", &SessionJoined::session, session::Object{})};
  }
};

// The session is all the data of it.
struct SessionState {
  static constexpr std::string_view kName = "session_state";
};

// A playback state, and when it was asked for.
struct AuthoritativeState : session::PlaybackView {
  static constexpr std::string_view kName = "AuthoritativeState";
  static constexpr auto fields() {
    return std::tuple{session::Inherited<session::PlaybackView>{}, session::EventTime{}};
  }
};

struct DesyncRecovery {
  AuthoritativeState state;
  double reportedPosition = 0;         // as it came
  std::optional<double> reportedTime;  // as it came

  static constexpr std::string_view kName = "desync_recovery";
  static constexpr auto fields() {
    return std::tuple{session::field("authoritativeState", &DesyncRecovery::state, session::Object{}),
                      session::field("reportedPosition", &DesyncRecovery::reportedPosition, session::Number{}),
                      session::field("reportedTime", &DesyncRecovery::reportedTime, session::Number{})};
  }
};

// The time, and those of a probe.
struct HeartbeatAck {
  static constexpr std::string_view kName = "heartbeat_ack";
};

struct ErrorEvent {
  std::string_view message;
  std::string_view code;
  std::string_view event;

  static constexpr std::string_view kName = "error";
  static constexpr auto fields() {
    return std::tuple{session::field("message", &ErrorEvent::message, session::Text{1, 1024}),
                      session::field("code", &ErrorEvent::code, session::Text{1, 1024}),
                      session::field("event", &ErrorEvent::event, session::Text{0, kMaxEchoedEventBytes})};
  }
};

using Replies = std::tuple<SessionJoined, SessionState, DesyncRecovery, HeartbeatAck, ErrorEvent>;

}  // namespace mediasync::api
