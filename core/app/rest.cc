#include "core/app/rest.h"

#include <algorithm>
#include <array>
#include <utility>

#include "core/api/media_path.h"
#include "core/api/rest_response.h"
#include "core/api/text_rules.h"
#include "core/app/confirmations.h"
#include "core/session/refusal.h"
#include "core/sessions/sessions.h"

namespace mediasync::server {

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

Rest::Rest(Context& context, Confirmations& confirmations, Sessions& sessions)
    : Part(context), confirmations_(confirmations), sessions_(sessions) {}

RestReply Rest::createSession(const api::CreateSession& request, const Options& options, const Newcomer& newcomer) {
  if (options.user && request.creatorId != *options.user) return failure(403, session::kForeignUser.message);
  if (!options.creates) return failure(403, "Sessions are not created here");
  const std::string sessionId = uuid(env_.random());
  const std::string_view secret = request.creatorSecret ? *request.creatorSecret : newcomer.secret;
  const Outcome outcome = sessions_.create(
      {sessionId, request.creatorId, request.creatorName, secret, newcomer.network}, {options, env_.now()});
  if (!outcome.isDone()) return refusedCreation(outcome.refusal);
  RestReply reply{201, {}, "/" + sessionId};
  api::appendCreated(reply.body, sessionId, request.creatorId);
  reply.ticket = confirmations_.writeTicket();
  return reply;
}

RestReply Rest::refusedCreation(const session::Refusal& refusal) {
  if (refusal == session::kRateLimited) {
    ++counters().limited;
    return failure(429, refusal.message);
  }
  if (refusal == session::kTooManySessions) return failure(503, refusal.message);
  context_.noteFull();
  return failure(507, refusal.message);
}

void Rest::countRest(unsigned status) {
  const auto* found = std::find(store::kRestStatuses.begin(), store::kRestStatuses.end(), status);
  ++counters().rest[static_cast<std::size_t>(found - store::kRestStatuses.begin())];
}

RestReply Rest::showSession(std::string_view sessionId, const Options& options) {
  store::Snapshot snapshot;
  if (!sessions_.show(sessionId, snapshot, env_.now())) return failure(404, session::kSessionNotFound.message);
  RestReply reply;
  api::appendSession(reply.body, snapshot.view, options.timestamps);
  return reply;
}

bool Rest::isMember(std::string_view sessionId, std::string_view userId, std::string_view path) {
  if (!api::isId(sessionId) || !api::isId(userId)) return false;
  const std::optional<std::string> url = sessions_.mediaFor(sessionId, userId);
  const auto media = url ? api::mediaPath(*url) : std::nullopt;
  return media && api::isPartOfMedia(path, *media);
}

Rest::Listed Rest::listPage(const api::ListQuery& query) const {
  store::SessionPage page = sessions_.list({query.after.bucket, query.after.serial}, query.limit);
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
