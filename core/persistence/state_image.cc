#include "core/persistence/state_image.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "core/base/bytes.h"
#include "core/store/recovery_table.h"
#include "core/store/session_log.h"
#include "core/store/session_restore.h"
#include "core/store/session_transaction.h"

namespace mediasync::persistence {
namespace {

// In one transaction, so that its undo log is enough.
constexpr std::size_t kUsersAtOnce = 16;
constexpr int kEventsAtOnce = 32;

std::string textOf(const store::RandomId& id) {
  return std::string(asText(id));
}

std::int64_t monoOf(std::int64_t wall, Instant now) {
  return std::min(now.mono, now.mono - (now.wall - wall));
}

// True if users of the session were connected, or had just been lost: their grace had not ended.
bool hasReturning(const store::SavedSession& saved) {
  return std::any_of(saved.users.begin(), saved.users.end(),
                     [](const store::SavedUser& user) { return user.presence != session::Presence::kAway; });
}

// Since when it has had no connection, monotonic. Of one whose users have their grace anew, the time in which they come
// back unnoticed begins anew, too, where less than that grace is left of it. `unset`: as the clock was when it was
// saved.
std::int64_t idleSince(const store::SavedSession& saved, const store::ZoneSettings& settings, Instant now,
                       Instant unset) {
  if (!saved.idleSince) return now.mono;
  const std::int64_t since = monoOf(*saved.idleSince, unset);
  const bool isShort =
      since + settings.returnTime() < now.mono + std::max(settings.disconnectGrace, settings.restartGrace);
  return hasReturning(saved) && isShort ? now.mono : since;
}

// Fills a zone. Queues of time must be filled with those first that have waited longest.
class Restorer {
 public:
  // `shift`: of the times in what is added.
  Restorer(const store::Zone& zone, Instant now, std::int64_t shift)
      : zone_(zone), now_(now), unset_{now.wall - shift, now.mono} {}

  // Whatever the tables hold is of an earlier time.
  void clear() {
    for (std::uint32_t shard = 0; shard < zone_.shards(); ++shard) {
      for (bool isEmpty = false; !isEmpty;) {
        store::SessionTransaction txn(zone_, shard);
        isEmpty = !txn.openFirst();
        if (!isEmpty) txn.destroy(now_);
        txn.commit(wake_);
      }
      for (bool isEmpty = false; !isEmpty;) {
        store::RecoveryTransaction txn(zone_, shard);
        isEmpty = !txn.evict();
        txn.commit();
      }
    }
  }

  void add(const store::SavedSession& saved) {
    Place place;
    try {
      place = addHead(saved);
      addUsers(saved, place);
      if (!isLeft(saved)) addEvents(saved, place);
    } catch (const store::OutOfSpace&) {
      remove(place);
      ++done.sessionsLost;
      return;
    }
    sessions_.emplace(saved.serial, place);
    ++done.sessions;
    done.users += static_cast<std::uint32_t>(saved.users.size());
  }

  // Starts the times of all users that have been added.
  void startTimes() {
    std::stable_sort(absences_.begin(), absences_.end(),
                     [](const Absence& a, const Absence& b) { return a.since < b.since; });
    for (const Absence& absence : absences_) {
      store::SessionTransaction txn(zone_, absence.shard);
      if (!txn.open(absence.session, absence.serial)) continue;
      txn.setPresence(absence.user, absence.presence, {now_.wall, absence.since});
      txn.commit(wake_);
    }
  }

  void add(const store::SavedRecovery& saved) {
    store::LostSeat seat;
    if (saved.seat.sessionSerial != 0 && !findSeat(saved.seat, seat)) return;
    try {
      store::RecoveryTransaction txn(zone_, saved.pid);
      txn.create(saved.pid, saved.socketId, {}, saved.realm);
      txn.lose(seat, now_);
      txn.commit();
      ++done.recoveries;
    } catch (const store::OutOfSpace&) {
      ++done.recoveriesLost;
    }
  }

  StateImage::Restored done;

 private:
  struct Place {
    store::Ref ref = 0;
    std::uint64_t serial = 0;
    std::uint32_t shard = 0;
  };
  struct UserPlace {
    store::Ref ref;
    std::uint64_t serial;
    std::uint64_t sessionSerial;  // as it was saved
  };
  struct Absence {
    std::int64_t since;
    std::uint32_t shard;
    store::Ref session;
    std::uint64_t serial;
    store::Ref user;
    session::Presence presence;
  };

  // True if nobody can come back to it without a loss: then it had no log, or would have lost it by now. With
  // one, abandoned sessions could take the memory of the others.
  bool isLeft(const store::SavedSession& saved) const {
    const std::int64_t since = idleSince(saved, zone_.settings(), now_, unset_);
    return !hasReturning(saved) && (saved.users.empty() || since + zone_.settings().returnTime() <= now_.mono);
  }

  Place addHead(const store::SavedSession& saved) {
    store::RestoreTransaction txn(zone_, saved.id);
    txn.restore(saved, {now_.wall, idleSince(saved, zone_.settings(), now_, unset_)});
    const std::int64_t start = monoOf(saved.clock.setAt.wall, unset_);
    txn.setClockStart({now_.wall - (now_.mono - start), start});
    if (isLeft(saved)) txn.restoreWithoutLog(saved);
    const Place place{txn.ref(), txn.record().serial, txn.shardIndex()};
    txn.commit(wake_);
    return place;
  }

  void addUsers(const store::SavedSession& saved, const Place& place) {
    for (std::size_t i = 0; i < saved.users.size();) {
      store::RestoreTransaction txn(zone_, place.shard);
      txn.open(place.ref, place.serial);
      for (std::size_t n = 0; n < kUsersAtOnce && i < saved.users.size(); ++n, ++i) {
        const store::SavedUser& user = saved.users[i];
        const store::Ref ref = txn.restoreUser(user, now_);
        users_[user.serial] = {ref, txn.userAt(ref).serial, saved.serial};
        const bool isAway = user.presence == session::Presence::kAway;
        const std::int64_t since = isAway ? monoOf(user.absentSince, unset_) : zone_.settings().sentAwayAt(now_).mono;
        absences_.push_back({since, place.shard, place.ref, place.serial, ref,
                             isAway ? session::Presence::kAway : session::Presence::kGrace});
      }
      txn.commit(wake_);
    }
  }

  void addEvents(const store::SavedSession& saved, const Place& place) {
    std::string_view events = saved.events;
    while (!events.empty()) {
      store::RestoreTransaction txn(zone_, place.shard);
      txn.open(place.ref, place.serial);
      for (int i = 0; i < kEventsAtOnce && !events.empty(); ++i) {
        const store::CopiedEvent event = store::takeEvent(events);
        txn.restoreEvent(event.bytes, event.isSync);
      }
      txn.commit(wake_);
    }
  }

  // One that does not fit as a whole.
  void remove(const Place& place) {
    if (place.ref == 0) return;
    while (!absences_.empty() && absences_.back().serial == place.serial)
      absences_.pop_back();  // they were the last to be added
    for (bool isGone = false; !isGone;) {
      store::SessionTransaction txn(zone_, place.shard);
      isGone = !txn.open(place.ref, place.serial) || txn.destroy(now_);
      txn.commit(wake_);
    }
  }

  bool findSeat(const store::LostSeat& saved, store::LostSeat& seat) const {
    const auto session = sessions_.find(saved.sessionSerial);
    const auto user = users_.find(saved.userSerial);
    if (session == sessions_.end() || user == users_.end()) return false;
    if (user->second.sessionSerial != saved.sessionSerial) return false;
    seat = saved;
    seat.session = session->second.ref;
    seat.sessionSerial = session->second.serial;
    seat.shard = static_cast<std::uint16_t>(session->second.shard);
    seat.user = user->second.ref;
    seat.userSerial = user->second.serial;
    return true;
  }

  store::Zone zone_;
  Instant now_;
  Instant unset_;  // as it would be if the clock had never been set
  store::WakeSet wake_;
  std::unordered_map<std::uint64_t, Place> sessions_;
  std::unordered_map<std::uint64_t, UserPlace> users_;
  std::vector<Absence> absences_;
};

}  // namespace

std::optional<StateImage> StateImage::read(std::string_view file) {
  const auto header = parseStateHeader(file);
  if (!header) return std::nullopt;
  StateImage image;
  image.header_ = *header;
  std::string_view left = file.substr(kStateHeaderBytes);
  bool isComplete = false;
  for (;;) {
    image.goodBytes_ = file.size() - left.size();
    const auto frame = takeFrame(left);
    if (!frame) break;
    if (frame->kind == FrameKind::kSnapshotEnd) {
      isComplete = true;
      image.snapshotBytes_ = file.size() - left.size();
      continue;
    }
    const Applied applied = image.apply(*frame);
    if (applied == Applied::kUnknown) break;
    image.refused_ += applied == Applied::kRefused;
  }
  if (!isComplete) return std::nullopt;
  return image;
}

StateImage::Applied StateImage::apply(const Frame& frame) {
  if (frame.kind < FrameKind::kSession || frame.kind > FrameKind::kClock) return Applied::kUnknown;
  return applyRecord(frame) ? Applied::kDone : Applied::kRefused;
}

bool StateImage::applyRecord(const Frame& frame) {
  std::uint64_t serial = 0;
  switch (frame.kind) {
    case FrameKind::kSession:
      return applySession(frame.record);
    case FrameKind::kChange:
      return applyChange(frame.record);
    case FrameKind::kRecovery:
      return applyRecovery(frame.record);
    case FrameKind::kGone:
      if (!parseGone(frame.record, serial)) return false;
      erase(serial);
      return true;
    case FrameKind::kClock:
      return applyClock(frame.record);
    default:
      return false;
  }
}

bool StateImage::applySession(std::string_view record) {
  store::SavedSession session;
  if (!parseSession(record, session)) return false;
  const auto before = sessions_.find(session.serial);
  if (before != sessions_.end() && before->second.id != session.id) return false;
  shiftTimes(session, -clockShift_);
  const auto [known, isNew] = serials_.try_emplace(session.id, session.serial);
  if (!isNew && known->second != session.serial) {  // an earlier one of that name
    sessions_.erase(known->second);
    known->second = session.serial;
  }
  sessions_[session.serial] = std::move(session);
  return true;
}

// A change to a session that the snapshot has yet to reach says nothing that the snapshot will not.
bool StateImage::applyChange(std::string_view record) {
  store::SavedSession change;
  if (!parseSession(record, change)) return false;
  const auto found = sessions_.find(change.serial);
  if (found == sessions_.end()) return true;
  store::SavedSession& session = found->second;
  if (change.id != session.id) return false;
  shiftTimes(change, -clockShift_);
  if (change.firstSeq == session.endSeq) {
    change.firstSeq = session.firstSeq;
    session.events.append(change.events);
    change.events = std::move(session.events);
  }
  if (!change.hasUsers) change.users = std::move(session.users);
  session = std::move(change);
  return true;
}

bool StateImage::applyRecovery(std::string_view record) {
  store::SavedRecovery recovery;
  if (!parseRecovery(record, recovery)) return false;
  recoveries_[textOf(recovery.pid)] = recovery;
  return true;
}

bool StateImage::applyClock(std::string_view record) {
  std::int64_t shift = 0;
  if (!parseClock(record, shift) || clockShift_ + shift > kMostTime || clockShift_ + shift < -kMostTime) return false;
  clockShift_ += shift;
  return true;
}

// Those that say for how long something has lasted. The others are shown as they were.
void StateImage::shiftTimes(store::SavedSession& session, std::int64_t by) const {
  session.clock.setAt.wall += by;
  if (session.idleSince) *session.idleSince += by;
  for (store::SavedUser& user : session.users)
    user.absentSince += by;
}

void StateImage::erase(std::uint64_t serial) {
  const auto found = sessions_.find(serial);
  if (found == sessions_.end()) return;
  serials_.erase(found->second.id);
  sessions_.erase(found);
}

StateImage::Restored StateImage::restoreTo(const store::Zone& zone, Instant now) const {
  std::vector<const store::SavedSession*> sessions;
  for (const auto& [serial, session] : sessions_)
    sessions.push_back(&session);
  const auto order = [&, unset = Instant{now.wall - clockShift_, now.mono}](const store::SavedSession* s) {
    return std::pair(idleSince(*s, zone.settings(), now, unset), s->serial);
  };
  std::sort(sessions.begin(), sessions.end(), [&](const auto* a, const auto* b) { return order(a) < order(b); });
  Restorer restorer(zone, now, clockShift_);
  restorer.clear();
  zone.header().key = header_.key;
  zone.header().secretKey = header_.secretKey;
  for (const store::SavedSession* session : sessions)
    restorer.add(*session);
  restorer.startTimes();
  for (const auto& [pid, recovery] : recoveries_)
    restorer.add(recovery);
  zone.header().state.restored.fetch_add(restorer.done.sessions);
  return restorer.done;
}

}  // namespace mediasync::persistence
