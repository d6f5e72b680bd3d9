#include "core/store/session_access.h"

namespace mediasync::store {
namespace {

std::uint32_t shardOf(const Zone& zone, std::uint64_t hash) {
  return static_cast<std::uint32_t>((hash >> 32) % zone.shards());
}

}  // namespace

SessionAccess::SessionAccess(const Zone& zone, std::string_view sessionId)
    : SessionAccess(zone, shardOf(zone, zone.hash(sessionId))) {}

SessionAccess::SessionAccess(const Zone& zone, std::uint32_t shard)
    : zone_(zone), shard_(zone_.sessionShard(shard)), txn_(zone_.region(), shard_.header) {}

std::optional<std::string_view> SessionAccess::optionalText(const SharedText& t) const {
  if (t.ref == 0) return std::nullopt;
  return text(t);
}

const Ref& SessionAccess::sessionBucket(std::uint64_t hash) const {
  return zone_.arena().at<Ref>(shard_.sessionBuckets)[hash & shard_.bucketMask];
}

const Ref& SessionAccess::userBucket(std::uint64_t hash) const {
  return zone_.arena().at<Ref>(shard_.userBuckets)[hash & shard_.userBucketMask];
}

bool SessionAccess::use(Ref session) {
  if (session == 0) return false;
  session_ = zone_.arena().at<SessionRecord>(session);
  sessionRef_ = session;
  return true;
}

bool SessionAccess::find(std::string_view sessionId) {
  const std::uint64_t hash = zone_.hash(sessionId);
  for (Ref ref = sessionBucket(hash); ref != 0;) {
    const auto* record = zone_.arena().at<SessionRecord>(ref);
    if (record->hash == hash && text(record->id) == sessionId) return open(ref, record->serial);
    ref = record->hashNext;
  }
  return false;
}

bool SessionAccess::open(Ref session, std::uint64_t serial) {
  const auto* record = zone_.arena().at<SessionRecord>(session);
  if (!isObject<SessionRecord>(zone_.region(), shard_.header, session) || record->serial != serial) return false;
  return use(session);
}

bool SessionAccess::openSeat(const SeatRef& seat) {
  const auto* membership = zone_.arena().at<Membership>(seat.membership);
  if (!isObject<Membership>(zone_.region(), shard_.header, seat.membership) ||
      membership->serial != seat.membershipSerial)
    return false;
  seatUser_ = membership->user;
  return open(userAt(seatUser_).session, seat.sessionSerial);
}

bool SessionAccess::openUser(const LostSeat& lost) {
  if (!open(lost.session, lost.sessionSerial) || session_->ending) return false;
  if (!isObject<UserRecord>(zone_.region(), shard_.header, lost.user)) return false;
  const UserRecord& user = userAt(lost.user);
  if (user.serial != lost.userSerial || user.session != sessionRef_) return false;
  seatUser_ = lost.user;
  return true;
}

bool SessionAccess::openFirst() {
  return use(shard_.allSessions.first);
}

bool SessionAccess::openAfter(Ref session, std::uint64_t serial) {
  if (open(session, serial)) return use(session_->all.next);
  Ref ref = shard_.allSessions.first;
  while (ref != 0 && zone_.arena().at<SessionRecord>(ref)->serial <= serial)
    ref = zone_.arena().at<SessionRecord>(ref)->all.next;
  return use(ref);
}

}  // namespace mediasync::store
