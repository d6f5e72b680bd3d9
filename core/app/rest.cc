#include "core/app/rest.h"

#include <algorithm>
#include <array>
#include <utility>

#include "core/api/media_path.h"
#include "core/api/text_rules.h"
#include "core/app/confirmations.h"
#include "core/session/refusal.h"
#include "core/sessions/admission.h"
#include "core/sessions/eviction.h"
#include "core/store/session_list.h"
#include "core/store/session_transaction.h"

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

Rest::Rest(Context& context, Admission& admission, Confirmations& confirmations, Eviction& eviction)
    : Part(context), admission_(admission), confirmations_(confirmations), eviction_(eviction) {}

RestReply Rest::createSession(const api::CreateSession& request, const Options& options, const Newcomer& newcomer) {
  if (options.user && request.creatorId != *options.user) return failure(403, session::kForeignUser.message);
  if (!options.creates) return failure(403, "Sessions are not created here");
  const Instant now = env_.now();
  if (!admission_.admitsSession(zone_.clientOf(newcomer.network), options.rates, now)) {
    ++counters().limited;
    return failure(429, session::kRateLimited.message);
  }
  if (admission_.isOneTooMany(options) && !(eviction_.evictOne(now) && !admission_.isOneTooMany(options))) {
    return failure(503, session::kTooManySessions.message);
  }
  const std::string sessionId = uuid(env_.random());
  // Who comes first as the creator is it, when nothing tells who that may be.
  std::optional<SecretHash> bound;
  const std::string_view secret = request.creatorSecret ? *request.creatorSecret : newcomer.secret;
  if (options.asksSecret && !secret.empty()) bound = zone_.hashOfSecret(secret);
  try {
    eviction_.withRoom(now, [&] {
      SessionTransaction session(zone_, sessionId);
      session.create(sessionId, request.creatorId, now);
      const auto creator =
          session.addUser(request.creatorId, request.creatorName, std::nullopt, session::Presence::kAway, now);
      if (bound) session.bindUser(creator, *bound);
      session.setLeader(request.creatorId);
      session.commit(wake_);
    });
  } catch (const store::OutOfSpace&) {
    context_.noteFull();
    return failure(507, session::kZoneFull.message);
  }
  RestReply reply{201, {}, "/" + sessionId};
  api::appendCreated(reply.body, sessionId, request.creatorId);
  reply.ticket = confirmations_.writeTicket();
  return reply;
}

void Rest::countRest(unsigned status) {
  const auto* found = std::find(store::kRestStatuses.begin(), store::kRestStatuses.end(), status);
  ++counters().rest[static_cast<std::size_t>(found - store::kRestStatuses.begin())];
}

RestReply Rest::showSession(std::string_view sessionId, const Options& options) {
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

bool Rest::isMember(std::string_view sessionId, std::string_view userId, std::string_view path) {
  if (!api::isId(sessionId) || !api::isId(userId)) return false;
  std::string url;
  {
    SessionTransaction session(zone_, sessionId);
    if (!session.find(sessionId)) return false;
    const session::UserRef user = session.findUser(userId);
    if (user == 0 || session.user(user).presence == session::Presence::kAway) return false;
    url = session.media().mediaUrl.value_or("");
  }
  const auto media = api::mediaPath(url);
  return media && api::isPartOfMedia(path, *media);
}

Rest::Listed Rest::listPage(const api::ListQuery& query) const {
  store::SessionPage page = store::listSessions(zone_, {query.after.bucket, query.after.serial}, query.limit);
  Listed listed{std::move(page.ids), std::move(page.sessions), {}};
  if (page.next) listed.next = api::ListPlace{page.next->bucket, page.next->serial};
  return listed;
}

RestReply Rest::listSessions(const api::ListQuery& query, const Options& options) const {
  const Listed page = listPage(query);
  RestReply reply;
  api::beginSessionList(reply.body);
  api::addSessions(reply.body, page.sessions, false, options.timestamps);
  api::endSessionList(reply.body, countSessions(page.sessions.size()), page.next);
  return reply;
}

// The counters are read without their locks.
std::uint64_t Rest::countSessions(std::size_t seen) const {
  return std::max<std::uint64_t>(zone_.sessionCount(), seen);
}

SessionPieces::SessionPieces(const Rest& rest, api::TimestampUnit timestamps) : rest_(rest), timestamps_(timestamps) {}

std::string SessionPieces::next() {
  std::string piece;
  if (!std::exchange(begun_, true)) api::beginSessionList(piece);
  const auto page = rest_.listPage(query_);
  api::addSessions(piece, page.sessions, seen_ > 0, timestamps_);
  seen_ += page.sessions.size();
  isDone_ = !page.next;
  if (isDone_) {
    api::endSessionList(piece, rest_.countSessions(seen_), std::nullopt);
  } else {
    query_.after = *page.next;
  }
  return piece;
}

}  // namespace mediasync::server
