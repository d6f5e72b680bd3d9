// What is encoded and decoded: the packets that load a server.
#pragma once

#include <string>
#include <string_view>

namespace mediasync::bench {

inline constexpr std::string_view kHeartbeat = "42[\"heartbeat\"]";
inline constexpr std::string_view kSync =
    "42[\"sync_playback\",{\"position\":12.5,\"isPlaying\":true,\"mediaUrl\":\"https://example.com/films/demo.mp4\","
    "\"mediaId\":\"film-1\"}]";

// A frame as a client sends it (RFC 6455 section 5.3).
inline std::string maskedFrame(std::string_view payload) {
  constexpr char kMask[4] = {0x12, 0x34, 0x56, 0x78};
  std::string frame(1, static_cast<char>(0x81));
  if (payload.size() < 126) {
    frame.push_back(static_cast<char>(0x80U | payload.size()));
  } else {
    frame.push_back(static_cast<char>(0x80U | 126U));
    frame.push_back(static_cast<char>(payload.size() >> 8U));
    frame.push_back(static_cast<char>(payload.size() & 0xffU));
  }
  frame.append(kMask, 4);
  for (std::size_t i = 0; i < payload.size(); ++i)
    frame.push_back(static_cast<char>(payload[i] ^ kMask[i % 4]));
  return frame;
}

}  // namespace mediasync::bench
