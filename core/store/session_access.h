// Access to one session at a time of a locked shard: finding it, and reading it.
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

// Holds the lock of the shard during its lifetime; rolls changes back unless committed. Views are valid while the lock
// is held and their content is unchanged.
class SessionAccess {
 public:
  // Locks the shard of `sessionId`.
  SessionAccess(const Zone&, std::string_view sessionId);
  // Locks a shard by its number.
  SessionAccess(const Zone&, std::uint32_t shard);

  // Each makes the session (and user) current and returns false if it does not exist (any more).
  bool find(std::string_view sessionId);
  bool openSeat(const SeatRef&);
  bool open(Ref session, std::uint64_t serial);
  bool openUser(const LostSeat&);
  // The oldest session of the shard; the next younger one than the current one.
  bool openFirst();
  bool openNext() { return use(session_->all.next); }
  // The next younger session than the one with that serial, which was at `session` and may have ended since.
  bool openAfter(Ref session, std::uint64_t serial);

  const SessionRecord& record() const { return *session_; }
  // Changes to the users as clients see them, but for users added at the end.
  std::uint32_t rosterChanges() const { return session_->rosterChanges; }
  const SessionShard& shard() const { return shard_; }
  std::uint16_t shardIndex() const { return static_cast<std::uint16_t>(&shard_ - &zone_.sessionShard(0)); }
  Ref ref() const { return sessionRef_; }
  std::string_view id() const { return text(session_->id); }
  std::string_view text(const SharedText& t) const { return textOf(zone_.arena(), t); }
  std::optional<std::string_view> optionalText(const SharedText&) const;
  // A part of a record, with views of its texts: views<session::MediaTexts>(record()).
  template <template <class> class Part>
  Part<session::Views> views(const Part<SharedTexts>& part) const {
    Part<session::Views> views;
    session::eachPair(part, views, [this](const auto& from, auto& to) { this->show(from, to); });
    return views;
  }

  session::UserRef seatUser() const { return seatUser_; }
  const UserRecord& userAt(Ref ref) const { return *zone_.arena().at<UserRecord>(ref); }
  // Calls fn(const UserRecord&) for each user, in the order of joining.
  template <class Fn>
  void forEachUser(Fn fn) const {
    for (Ref ref = session_->users.first; ref != 0; ref = userAt(ref).inSession.next)
      fn(userAt(ref));
  }
  // The current session and seat, for a client that may recover it.
  LostSeat lostSeat() const {
    return {sessionRef_, seatUser_, shardIndex(), false, session_->serial, userAt(seatUser_).serial, 0};
  }

  // The offset after the newest event.
  std::uint64_t logEnd() const { return session_->log.nextSeq; }
  // Copies events to `out`, like store::readLog().
  LogSlice readLog(std::uint64_t from, std::size_t maxBytes, std::string& out) const {
    return store::readLog(zone_.arena(), session_->log, from, maxBytes, out);
  }

 private:
  void show(const SharedText& from, std::string_view& to) const { to = text(from); }
  void show(const SharedText& from, std::optional<std::string_view>& to) const { to = optionalText(from); }
  void show(std::int64_t from, std::int64_t& to) const { to = from; }

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

// Prefetches the data that a command of that seat will need. Takes no lock.
inline void prefetchSeat(const Zone& zone, const SeatRef& seat) {
  prefetch(zone.arena().at<Membership>(seat.membership));
  prefetch(zone.arena().at<UserRecord>(seat.user));
  prefetch(zone.arena().at<SessionRecord>(seat.session));
}

}  // namespace mediasync::store
