#include "core/store/session_overdue.h"

namespace mediasync::store {

void OverdueTransaction::openUserOf(Ref user) {
  seatUser_ = user;
  use(userAt(user).session);
}

Overdue OverdueTransaction::openOverdueUser(Instant now) {
  const auto due = [&](const Queue& queue, std::int64_t timeout) {
    const Ref user = queue.first;
    return user != 0 && userAt(user).absentSince + timeout <= now.mono ? user : Ref{0};
  };
  const auto earlier = [&](Ref a, Ref b) {
    if (a == 0 || b == 0) return a == 0 ? b : a;
    return userAt(b).absentSince < userAt(a).absentSince ? b : a;
  };
  const std::int64_t grace = zone_.settings().disconnectGrace;
  const Ref inGrace = earlier(due(shard_.grace, grace), due(shard_.lateGrace, grace));
  const Ref user = inGrace != 0 ? inGrace : due(shard_.away, zone_.settings().userTimeout);
  if (user == 0) return Overdue::kNobody;
  openUserOf(user);
  return inGrace != 0 ? Overdue::kGrace : Overdue::kAway;
}

bool OverdueTransaction::openLongestAway(std::int64_t latest) {
  const Ref user = shard_.away.first;
  if (user == 0 || userAt(user).absentSince > latest) return false;
  openUserOf(user);
  return true;
}

bool OverdueTransaction::openExpired(Instant now) {
  constexpr int kWatchedAtMost = 1024;
  Ref ref = shard_.idle.first;
  for (int i = 0; i < kWatchedAtMost && ref != 0; ++i) {
    const auto& record = *zone_.arena().at<SessionRecord>(ref);
    if (record.watchers == 0 && record.ending)
      return use(ref);  // whoever began to take it apart had other things to do
    if (record.idleSince + zone_.settings().sessionTimeout > now.mono) return false;
    if (record.watchers == 0) return use(ref);
    ref = record.inIdle.next;
  }
  return false;
}

bool OverdueTransaction::openLogged(Instant now) {
  const Ref ref = shard_.logged.first;
  if (ref == 0) return false;
  if (zone_.arena().at<SessionRecord>(ref)->idleSince + zone_.settings().returnTime() > now.mono) return false;
  return use(ref);
}

}  // namespace mediasync::store
