// A session with all there is to show, and what it looks like.
#pragma once

#include <nlohmann/json.hpp>

#include "core/session/snapshot.h"

namespace mediasync::api::sample {

inline constexpr std::string_view kTitle = "The \"\\\" \x01 🎬";

inline session::PlaybackView playback() {
  session::PlaybackView view;
  view.mediaUrl = "https://example.com/a.mp4?x=1&y=\"2\"";
  view.mediaId = "m1";
  view.mediaTitle = kTitle;
  view.mediaDuration = 3600;
  view.position = 123.45;
  view.isPlaying = true;
  view.playbackRate = 1.25;
  view.lastUpdateTime = 1640995200123;
  return view;
}

inline nlohmann::json playbackJson() {
  return {{"mediaUrl", "https://example.com/a.mp4?x=1&y=\"2\""},
          {"mediaId", "m1"},
          {"mediaTitle", kTitle},
          {"mediaDuration", 3600},
          {"position", 123.45},
          {"isPlaying", true},
          {"lastUpdateTime", 1640995200.123},
          {"playbackRate", 1.25}};
}

inline nlohmann::json emptyPlaybackJson() {
  return {{"mediaUrl", nullptr}, {"mediaId", nullptr},       {"mediaTitle", nullptr}, {"position", 0},
          {"isPlaying", false},  {"mediaDuration", nullptr}, {"lastUpdateTime", 0},   {"playbackRate", 1}};
}

inline session::SessionView session() {
  session::SessionView view;
  view.id = "my-session-id";
  view.creatorId = "user-123";
  view.leaderId = "user-456";
  view.users = {{{"user-123", "Alice", "https://example.com/avatar.jpg", 1672531200000, 1640995200000}, true, false},
                {{"user-456", "B\n\"ø\" 🎉", std::nullopt, 1709210096007, 1640995200500}, false, true}};
  view.playback = playback();
  view.createdAt = 1672531200000;
  view.lastActivity = 1640995201250;
  view.userCount = 2;
  view.connectedCount = 1;
  return view;
}

inline nlohmann::json sessionJson() {
  return {{"sessionId", "my-session-id"},
          {"creatorId", "user-123"},
          {"leaderId", "user-456"},
          {"users",
           {{{"id", "user-123"},
             {"username", "Alice"},
             {"avatar", "https://example.com/avatar.jpg"},
             {"joinedAt", "2023-01-01T00:00:00.000Z"},
             {"lastSeen", 1640995200},
             {"isConnected", true},
             {"isLeader", false}},
            {{"id", "user-456"},
             {"username", "B\n\"ø\" 🎉"},
             {"avatar", nullptr},
             {"joinedAt", "2024-02-29T12:34:56.007Z"},
             {"lastSeen", 1640995200.5},
             {"isConnected", false},
             {"isLeader", true}}}},
          {"playbackState", playbackJson()},
          {"createdAt", "2023-01-01T00:00:00.000Z"},
          {"lastActivity", 1640995201.25},
          {"userCount", 2},
          {"connectedCount", 1}};
}

}  // namespace mediasync::api::sample
