// One session at a time of a shard that is locked: it is found, and it is read.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/prefetch.h"
#include "core/session/state.h"
#include "core/store/records.h"
#include "core/store/session_log.h"
#include "core/store/zone.h"

namespace mediasync::store {

// Holds the lock of the shard for as long as it lives; what has been changed is rolled back unless committed. Views are
// good as long as the lock is held, and what they show is not changed.
class SessionAccess {
 public:
  // Locks the shard where `sessionId` belongs.
  SessionAccess(const Zone&, std::string_view sessionId);
  // Locks a shard by its number.
  SessionAccess(const Zone&, std::uint32_t shard);

  // Each makes the session (and user) the current one and returns false when there is no such thing (any more).
  bool find(std::string_view sessionId);
  bool openSeat(const SeatRef&);
  bool open(Ref session, std::uint64_t serial);
  bool openUser(const LostSeat&);
  // The oldest session of the shard; the one that was made after the current one.
  bool openFirst();
  bool openNext() { return use(session_->all.next); }
  // The one that was made after the session of that serial, which was at `session`, and may have ended since.
  bool openAfter(Ref session, std::uint64_t serial);

  const SessionRecord& record() const { return *session_; }
  const SessionShard& shard() const { return shard_; }
  std::uint16_t shardIndex() const { return static_cast<std::uint16_t>(&shard_ - &zone_.sessionShard(0)); }
  Ref ref() const { return sessionRef_; }
  std::string_view id() const { return text(session_->id); }
  std::string_view text(const SharedText& t) const { return textOf(zone_.arena(), t); }
  std::optional<std::string_view> optionalText(const SharedText&) const;

  session::UserRef seatUser() const { return seatUser_; }
  const UserRecord& userAt(Ref ref) const { return *zone_.arena().at<UserRecord>(ref); }
  // Calls fn(const UserRecord&) for each user, in the order of joining.
  template <class Fn>
  void forEachUser(Fn fn) const {
    for (Ref ref = session_->users.first; ref != 0; ref = userAt(ref).inSession.next)
      fn(userAt(ref));
  }
  // Of the current session and seat, for someone who comes back later.
  LostSeat lostSeat() const {
    return {sessionRef_, seatUser_, shardIndex(), false, session_->serial, userAt(seatUser_).serial, 0};
  }

  // The offset after the newest event.
  std::uint64_t logEnd() const { return session_->log.nextSeq; }
  // Copies events to `out`, as store::readLog() does.
  LogSlice readLog(std::uint64_t from, std::size_t maxBytes, std::string& out) const {
    return store::readLog(zone_.arena(), session_->log, from, maxBytes, out);
  }

 protected:
  template <class T>
  T& edit(const T& field) {
    return txn_.edit(field);
  }
  // Makes it the current one.
  bool use(Ref session);
  const Ref& sessionBucket(std::uint64_t hash) const;
  const Ref& userBucket(std::uint64_t hash) const;

  Zone zone_;
  SessionShard& shard_;
  Transaction txn_;
  const SessionRecord* session_ = nullptr;
  Ref sessionRef_ = 0;
  session::UserRef seatUser_ = 0;
};

// What a command of that seat is about will be needed soon. Without a lock.
inline void prefetchSeat(const Zone& zone, const SeatRef& seat) {
  prefetch(zone.arena().at<Membership>(seat.membership));
  prefetch(zone.arena().at<UserRecord>(seat.user));
  prefetch(zone.arena().at<SessionRecord>(seat.session));
}

}  // namespace mediasync::store
