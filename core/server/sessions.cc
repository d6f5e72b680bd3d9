// What REST asks of the sessions.
#include <algorithm>
#include <array>

#include "core/api/media_path.h"
#include "core/api/text_rules.h"
#include "core/server/eviction.h"
#include "core/server/worker.h"
#include "core/session/refusal.h"

namespace mediasync::server {

using store::SessionTransaction;

namespace {

// RFC 9562, version 4: 122 random bits.
std::string uuid(RandomSource& random) {
  std::array<std::uint8_t, 16> bytes;
  random.fill(bytes);
  bytes[6] = static_cast<std::uint8_t>((bytes[6] & 0x0f) | 0x40);
  bytes[8] = static_cast<std::uint8_t>((bytes[8] & 0x3f) | 0x80);
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text.push_back('-');
    text.push_back(kHex[bytes[i] >> 4]);
    text.push_back(kHex[bytes[i] & 15]);
  }
  return text;
}

RestReply failure(int status, std::string_view message) {
  RestReply reply{status, {}, {}};
  api::appendFailure(reply.body, message);
  return reply;
}

}  // namespace

RestReply Worker::createSession(const api::CreateSession& request, const Options& options, std::string_view secret) {
  if (options.user && request.creatorId != *options.user) return failure(403, session::kForeignUser.message);
  const Instant now = env_.now();
  if (isOneTooMany(options) && !(evictOne(now) && !isOneTooMany(options))) {
    return failure(503, session::kTooManySessions.message);
  }
  if (!zone_.admitSession(options.rates.newSessions, now)) {
    ++counters().limited;
    return failure(429, session::kRateLimited.message);
  }
  const std::string sessionId = uuid(env_.random());
  // Who comes first as the creator is it, when nothing tells who that may be.
  std::optional<SecretHash> bound;
  if (request.creatorSecret) secret = *request.creatorSecret;
  if (options.asksSecret && !secret.empty()) bound = zone_.hashOfSecret(secret);
  try {
    withRoom(now, [&] {
      SessionTransaction session(zone_, sessionId);
      session.create(sessionId, request.creatorId, now);
      const auto creator =
          session.addUser(request.creatorId, request.creatorName, std::nullopt, session::Presence::kAway, now);
      if (bound) session.bindUser(creator, *bound);
      session.setLeader(request.creatorId);
      session.commit(wake_);
    });
  } catch (const store::OutOfSpace&) {
    return failure(507, session::kZoneFull.message);
  }
  RestReply reply{201, {}, "/" + sessionId};
  api::appendCreated(reply.body, sessionId, request.creatorId);
  reply.ticket = writeTicket();
  return reply;
}

RestReply Worker::showSession(std::string_view sessionId, const Options& options) {
  store::Snapshot snapshot;
  {
    SessionTransaction session(zone_, sessionId);
    if (!session.find(sessionId)) return failure(404, session::kSessionNotFound.message);
    session.copyTo(snapshot, env_.now());
  }
  RestReply reply;
  api::appendSession(reply.body, snapshot.view, options.timestamps);
  return reply;
}

bool Worker::isMember(std::string_view sessionId, std::string_view userId, std::string_view path) {
  if (!api::isId(sessionId) || !api::isId(userId)) return false;
  std::string url;
  {
    SessionTransaction session(zone_, sessionId);
    if (!session.find(sessionId)) return false;
    const session::UserRef user = session.findUser(userId);
    if (user == 0 || session.user(user).presence == session::Presence::kAway) return false;
    url = session.media().url.value_or("");
  }
  const auto media = api::mediaPath(url);
  return media && api::isPartOfMedia(path, *media);
}

// In the order of their serials, of which each shard has a range of its own.
RestReply Worker::listSessions(const api::ListQuery& query, const Options& options) {
  std::vector<std::string> ids;
  std::vector<session::SessionSummary> sessions;
  std::uint64_t last = 0;
  std::uint64_t next = 0;
  for (std::uint32_t i = 0; i < zone_.shards() && next == 0; ++i) {
    store::ReadLock lock(zone_.region(), zone_.sessionShard(i).header);
    for (store::Ref ref = zone_.sessionShard(i).allSessions.first; ref != 0 && next == 0;) {
      const auto& record = *zone_.arena().at<store::SessionRecord>(ref);
      ref = record.all.next;
      if (record.serial <= query.after) continue;
      if (sessions.size() == query.limit) {
        next = last;
        break;
      }
      last = record.serial;
      ids.emplace_back(store::textOf(zone_.arena(), record.id));
      sessions.push_back({{},
                          record.userCount,
                          record.connectedCount,
                          record.mediaUrl.ref != 0,
                          record.createdAt,
                          record.lastActivity});
    }
  }
  for (std::size_t i = 0; i < ids.size(); ++i)
    sessions[i].sessionId = ids[i];
  RestReply reply;
  const std::uint64_t total = std::max<std::uint64_t>(zone_.sessionCount(), sessions.size());
  api::appendSessionList(reply.body, sessions, total, next, options.timestamps);
  return reply;
}

}  // namespace mediasync::server
