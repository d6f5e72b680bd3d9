// Sessions as they come back from a state file.
#include <algorithm>

#include "core/store/saved.h"
#include "core/store/session_transaction.h"

namespace mediasync::store {
void SessionTransaction::restore(const SavedSession& saved, Instant now) {
  create(saved.id, saved.creatorId, now);
  SessionRecord& record = txn_.edit(*session_);
  static_cast<session::SessionTimes&>(record) = saved;
  record.formerSerial = saved.serial;
  record.formerEnd = saved.endSeq;
  record.clock = saved.clock;
  if (!saved.leaderId.empty()) setLeader(saved.leaderId);
  session::Media media;
  const session::MediaTexts<session::Owned>& texts = saved;
  session::eachPair(texts, media, [](const auto& from, auto& to) { to = from; });
  setMedia(media);
  setLogStart(txn_, *session_, saved.firstSeq, saved.lostSeq);
}

void SessionTransaction::restoreWithoutLog(const SavedSession& saved) {
  if (saved.firstSeq != saved.endSeq) setLogStart(txn_, *session_, saved.endSeq, saved.endSeq - 1);
  dropLog();
}

void SessionTransaction::setClockStart(Instant start) {
  txn_.edit(session_->clock).setAt = start;
}

session::UserRef SessionTransaction::restoreUser(const SavedUser& saved, Instant now) {
  const session::UserRef ref = addUser(saved.id, saved.username, saved.avatar, session::Presence::kConnected, now);
  UserRecord& record = txn_.edit(*zone_.arena().at<UserRecord>(ref));
  record.joinedAt = saved.joinedAt;
  record.lastSeen = saved.lastSeen;
  record.bound = saved.secret.has_value();
  record.secret = saved.secret.value_or(SecretHash{});
  return ref;
}

void SessionTransaction::restoreEvent(std::string_view event, bool isSync) {
  appendToLog(txn_, *session_, event, isSync, zone_.settings().logLimit, true);
}

}  // namespace mediasync::store
