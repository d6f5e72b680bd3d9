// What is encoded and decoded: the packets that load a server.
#pragma once

#include <string_view>

namespace mediasync::bench {

inline constexpr std::string_view kHeartbeat = "42[\"heartbeat\"]";
inline constexpr std::string_view kSync =
    "42[\"sync_playback\",{\"position\":12.5,\"isPlaying\":true,\"mediaUrl\":\"https://example.com/films/demo.mp4\","
    "\"mediaId\":\"film-1\"}]";

inline constexpr std::string_view kMaskingKey = "\x12\x34\x56\x78";

}  // namespace mediasync::bench
