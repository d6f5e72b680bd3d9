// Why a command was refused, for clients: in the `error` event, a failed acknowledgement, a REST answer.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

namespace mediasync::session {

// `code` is a stable upper-case word for programs; `message` is a sentence for people. Both point to static storage,
// except texts from operators' scripts, which are valid only during the call that receives them. A default-constructed
// Refusal means "not refused".
struct Refusal {
  std::string_view code;
  std::string_view message;

  explicit operator bool() const { return !code.empty(); }
  friend bool operator==(const Refusal&, const Refusal&) = default;
};

// Input that breaks the API's own rules (400 in REST).
inline constexpr Refusal kInvalidPayload{"INVALID_PAYLOAD", "The event needs one JSON object as its data"};
inline constexpr Refusal kInvalidSessionId{"INVALID_SESSION_ID",
                                           "sessionId must be 1 to 128 bytes of text without control characters"};
inline constexpr Refusal kInvalidUserId{"INVALID_USER_ID",
                                        "userId must be 1 to 128 bytes of text without control characters"};
inline constexpr Refusal kInvalidUsername{"INVALID_USERNAME",
                                          "username must be 1 to 256 bytes of text without control characters"};
inline constexpr Refusal kInvalidAvatar{"INVALID_AVATAR",
                                        "avatar must be null or up to 2048 bytes of text without control characters"};
inline constexpr Refusal kInvalidUserSecret{"INVALID_USER_SECRET",
                                            "userSecret must be 8 to 128 bytes of text without control characters"};
inline constexpr Refusal kInvalidPosition{"INVALID_POSITION", "position must be a finite number that is not negative"};
inline constexpr Refusal kInvalidIsPlaying{"INVALID_IS_PLAYING", "isPlaying must be true or false"};
inline constexpr Refusal kInvalidPlaybackRate{"INVALID_PLAYBACK_RATE",
                                              "playbackRate must be a number from 0.0625 to 16"};
inline constexpr Refusal kInvalidExecuteAt{"INVALID_EXECUTE_AT", "executeAt must be a finite number"};
inline constexpr Refusal kInvalidIsBuffering{"INVALID_IS_BUFFERING", "isBuffering must be true or false"};
inline constexpr Refusal kInvalidProblem{"INVALID_PROBLEM", "problem must be network, missing or unsupported"};
inline constexpr Refusal kInvalidMediaUrl{"INVALID_MEDIA_URL",
                                          "mediaUrl must be up to 2048 bytes of text without control characters"};
inline constexpr Refusal kInvalidMediaId{"INVALID_MEDIA_ID",
                                         "mediaId must be up to 256 bytes of text without control characters"};
inline constexpr Refusal kInvalidMediaTitle{"INVALID_MEDIA_TITLE",
                                            "mediaTitle must be up to 512 bytes of text without control characters"};
inline constexpr Refusal kInvalidMediaDuration{"INVALID_MEDIA_DURATION",
                                               "mediaDuration must be a finite number that is not negative"};
inline constexpr Refusal kInvalidReport{"INVALID_REPORT", "reportedPosition and reportedTime must be finite numbers"};
inline constexpr Refusal kUnknownEvent{"UNKNOWN_EVENT", "No such event"};
inline constexpr Refusal kBinaryUnsupported{"BINARY_UNSUPPORTED", "This event does not take binary data"};
inline constexpr Refusal kBinaryTooLong{"BINARY_TOO_LONG", "An event may have up to 48 KB with its binary data"};

// Commands that the state of the session or the connection does not allow.
inline constexpr Refusal kAlreadyInSession{"ALREADY_IN_SESSION", "Already in a session. Leave current session first."};
inline constexpr Refusal kNotInSession{"NOT_IN_SESSION", "Not in a session. Join a session first."};
inline constexpr Refusal kForeignUser{"FOREIGN_USER", "This userId is not yours"};
inline constexpr Refusal kNotLeader{"NOT_LEADER", "Only the session leader can control playback"};
inline constexpr Refusal kMediaNotAllowed{"MEDIA_NOT_ALLOWED", "This mediaUrl may not be loaded here"};
inline constexpr Refusal kLeaderActive{"LEADER_ACTIVE", "Current leader is still active"};
inline constexpr Refusal kSessionNotFound{"SESSION_NOT_FOUND", "Session not found"};

// Limits.
inline constexpr Refusal kTooManySessions{"TOO_MANY_SESSIONS", "The server holds as many sessions as it may"};
inline constexpr Refusal kSessionFull{"SESSION_FULL", "The session holds as many users as it may"};
inline constexpr Refusal kTooManyConnections{"TOO_MANY_CONNECTIONS", "The user holds as many connections as it may"};
inline constexpr Refusal kRateLimited{"RATE_LIMITED", "Too many requests in a short time. Try again later."};
inline constexpr Refusal kZoneFull{"ZONE_FULL", "The server is out of memory for sessions"};

// Refusals because of the operator's scripts.
inline constexpr Refusal kHookFailed{"HOOK_FAILED", "The server could not check this, try again"};
inline constexpr Refusal kBacklogged{"BACKLOGGED", "The answer does not fit beside what you must take first"};

// All of the above: refusals are counted by their index here.
inline constexpr std::array kRefusals{
    kInvalidPayload,       kInvalidSessionId, kInvalidUserId,    kInvalidUsername,     kInvalidAvatar,
    kInvalidUserSecret,    kInvalidPosition,  kInvalidIsPlaying, kInvalidPlaybackRate, kInvalidExecuteAt,
    kInvalidIsBuffering,   kInvalidProblem,   kInvalidMediaUrl,  kInvalidMediaId,      kInvalidMediaTitle,
    kInvalidMediaDuration, kInvalidReport,    kUnknownEvent,     kBinaryUnsupported,   kBinaryTooLong,
    kAlreadyInSession,     kNotInSession,     kForeignUser,      kNotLeader,           kMediaNotAllowed,
    kLeaderActive,         kSessionNotFound,  kTooManySessions,  kSessionFull,         kTooManyConnections,
    kRateLimited,          kZoneFull,         kHookFailed,       kBacklogged};

// The index of a code; kRefusals.size() for an unknown one.
constexpr std::size_t placeOf(std::string_view code) {
  std::size_t place = 0;
  while (place < kRefusals.size() && kRefusals[place].code != code)
    ++place;
  return place;
}

}  // namespace mediasync::session
