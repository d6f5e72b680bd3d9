#include "bench/load/client.h"

#include <charconv>

namespace mediasync::bench {
namespace {

constexpr std::string_view kEvent = "42[\"";
constexpr std::string_view kFilm = "https://example.com/films/demo.mp4";

bool startsWith(std::string_view text, std::string_view beginning) {
  return text.substr(0, beginning.size()) == beginning;
}

}  // namespace

std::string sessionName(int session) {
  return "session-" + std::to_string(session);
}

std::string syncPacket(const Stamp& stamp) {
  return "42[\"sync_playback\",{\"position\":12.5,\"isPlaying\":true,\"mediaUrl\":\"" + std::string(kFilm) +
         "\",\"mediaId\":\"" + stampText(stamp) + "\"}]";
}

std::string bareMessage(const Stamp& stamp) {
  return "42[\"playback_sync\",{\"mediaUrl\":\"" + std::string(kFilm) + "\",\"mediaId\":\"" + stampText(stamp) +
         "\",\"position\":12.5,\"isPlaying\":true,\"lastUpdateTime\":1640995200.123,\"playbackRate\":1,"
         "\"timestamp\":1640995200.123,\"leaderId\":\"user-0-0\"}]";
}

std::string Client::joinPacket() const {
  const std::string user = "user-" + std::to_string(session_) + "-" + std::to_string(member_);
  return "42[\"join_session\",{\"sessionId\":\"" + sessionName(session_) + "\",\"userId\":\"" + user +
         "\",\"username\":\"Alice Example\",\"avatar\":\"https://example.com/avatar.jpg\"}]";
}

void Client::fail() {
  if (stage_ == Stage::kReady)
    ++tally_->closed;
  else if (stage_ == Stage::kConnecting)
    ++tally_->failedToConnect;
  stage_ = Stage::kFailed;
  askedNs_ = 0;
}

void Client::onMessage(std::string_view message, std::int64_t now) {
  if (const auto stamp = findStamp(message)) tally_->deliver(progress_, *stamp, now);
}

void Client::onPacket(std::string_view packet, std::int64_t now) {
  if (startsWith(packet, kEvent)) {
    onEvent(packet, now);
  } else if (startsWith(packet, "0")) {
    send("40");
  } else if (startsWith(packet, "40")) {
    if (joins_)
      send(joinPacket());
    else
      stage_ = Stage::kReady;
  } else if (packet == "2") {
    send("3");
  }
}

void Client::onEvent(std::string_view packet, std::int64_t now) {
  const std::string_view name = packet.substr(kEvent.size());
  if (startsWith(name, "playback_sync")) {
    onMessage(packet, now);
  } else if (startsWith(name, "heartbeat_ack")) {
    if (askedNs_ != 0) tally_->answer(askedNs_, now);
    askedNs_ = 0;
  } else if (startsWith(name, "user_joined")) {
    ++tally_->announcements;
  } else if (startsWith(name, "session_joined")) {
    onSessionJoined(packet);
    tally_->lastNs = now;
  } else if (startsWith(name, "error")) {
    ++tally_->errors;
  }
}

void Client::onSessionJoined(std::string_view packet) {
  constexpr std::string_view kCount = "\"userCount\":";
  if (const std::size_t at = packet.rfind(kCount); at != std::string_view::npos)
    std::from_chars(packet.data() + at + kCount.size(), packet.data() + packet.size(), usersAtJoin_);
  ++tally_->joined;
  stage_ = Stage::kReady;
}

}  // namespace mediasync::bench
