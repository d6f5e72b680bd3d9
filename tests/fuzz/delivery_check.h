// What clients may be sent of a session's events: each at most once, in the order of the session's log, and nothing
// left out for those who always read.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <variant>

#include "core/sessions/offset.h"
#include "core/store/event_codec.h"
#include "core/store/session_log.h"
#include "core/store/zone.h"
#include "tests/fuzz/require.h"
#include "tests/unit/worker/world.h"

namespace mediasync::fuzz {

// Where events lie that carry a number of their own: positions of playback_sync, and names of films. Reads the logs of
// all sessions again and again.
class Logs {
 public:
  explicit Logs(const store::Zone& zone) : zone_(zone) {}

  void read() {
    for (std::uint32_t shard = 0; shard < zone_.shards(); ++shard) {
      const store::ShardLock lock(zone_.region(), zone_.sessionShard(shard).header);
      for (store::Ref ref = zone_.sessionShard(shard).allSessions.first; ref != 0;) {
        const auto& session = *zone_.arena().at<store::SessionRecord>(ref);
        read(session);
        ref = session.all.next;
      }
    }
  }
  // nullopt when it was not seen: the log may have dropped it before.
  std::optional<server::Offset> find(const std::string& key) const {
    const auto found = offsets_.find(key);
    return found == offsets_.end() ? std::nullopt : std::optional(found->second);
  }
  // The offset after the newest event of a session.
  std::uint64_t endOf(std::uint64_t serial) const {
    const auto found = next_.find(serial);
    return found == next_.end() ? 0 : found->second;
  }

  static std::string keyOf(double position) { return "at " + std::to_string(position); }

 private:
  void read(const store::SessionRecord& session) {
    std::string bytes;
    std::uint64_t& next = next_.try_emplace(session.serial, 1).first->second;
    const store::LogSlice slice = store::readLog(zone_.arena(), session.log, next, 1 << 20, bytes);
    std::string_view rest = bytes;
    for (std::uint64_t seq = slice.first; seq < slice.end; ++seq) {
      store::EventHeader header;
      std::memcpy(&header, rest.data(), sizeof header);
      note(rest.substr(sizeof header, header.size), {session.serial, seq});
      rest.remove_prefix(sizeof header + (header.size + 7) / 8 * 8);
    }
    FUZZ_REQUIRE(rest.empty() && slice.end == session.log.nextSeq);
    next = slice.end;
  }
  void note(std::string_view bytes, const server::Offset& offset) {
    const auto event = store::decodeEvent(std::as_bytes(std::span(bytes)));
    FUZZ_REQUIRE(event);
    if (const auto* sync = std::get_if<session::PlaybackSync>(&event->body)) {
      offsets_[keyOf(sync->state.position)] = offset;
    } else if (const auto* media = std::get_if<session::MediaLoaded>(&event->body)) {
      offsets_[std::string(media->mediaUrl)] = offset;
    }
  }

  const store::Zone& zone_;
  std::map<std::uint64_t, std::uint64_t> next_;
  std::map<std::string, server::Offset> offsets_;
};

// What one client has been sent.
class DeliveryCheck {
 public:
  // It always reads, and so do all workers: nothing may be left out.
  bool isComplete = true;

  // Looks at the packets that have come since.
  void look(const server::test::Inbox& inbox, const Logs& logs) {
    for (; seen_ < inbox.all.size(); ++seen_) {
      if (inbox.all[seen_].starts_with("42[")) look(nlohmann::json::parse(inbox.all[seen_].substr(2)), logs);
    }
  }
  // It comes back as one who had this one's events.
  void goOnFrom(const server::test::Inbox& before) {
    const auto offset = before.offset ? server::parseOffset(*before.offset) : std::nullopt;
    if (offset) last_[offset->session] = offset->event;
    isComplete = false;  // its user's own coming and going is left out
  }
  // The last event of its session has come. Only for one whose events have offsets.
  void checkEnd(const Logs& logs) const {
    if (isComplete && inSession_ && latest_) FUZZ_REQUIRE(latest_->event + 1 == logs.endOf(latest_->session));
  }
  void leftSession() { inSession_ = false; }

 private:
  void look(const nlohmann::json& args, const Logs& logs) {
    const std::string name = args[0];
    if (name == "session_joined") {
      inSession_ = true;
      userId_ = args[1]["userId"];
      latest_.reset();
    }
    if (name == "user_left" && args[1]["userId"] == userId_) inSession_ = false;  // another tab has left for both
    const auto isNamed = [&name](const session::EventFacts& facts) { return facts.name == name; };
    if (std::none_of(session::kEventFacts.begin(), session::kEventFacts.end(), isNamed)) return;
    std::optional<server::Offset> said, lies;
    if (args.size() > 2) said = server::parseOffset(args[2].get<std::string>());
    if (name == "playback_sync") lies = logs.find(Logs::keyOf(args[1]["position"]));
    if (name == "media_loaded") lies = logs.find(args[1]["mediaUrl"]);
    FUZZ_REQUIRE(args.size() == 2 || said);
    FUZZ_REQUIRE(!said || !lies || *said == *lies);
    if (said) lies = said;
    if (!lies) return;
    std::uint64_t& last = last_[lies->session];
    FUZZ_REQUIRE(lies->event > last);
    const bool follows = latest_ && latest_->session == lies->session;
    if (said && isComplete && follows) FUZZ_REQUIRE(lies->event == last + 1);
    last = lies->event;
    if (said) latest_ = lies;
  }

  std::size_t seen_ = 0;
  bool inSession_ = false;
  std::string userId_;
  std::optional<server::Offset> latest_;
  std::map<std::uint64_t, std::uint64_t> last_;  // by session
};

}  // namespace mediasync::fuzz
