#include "core/store/session_restore.h"

namespace mediasync::store {

void RestoreTransaction::restore(const SavedSession& saved, Instant now) {
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

void RestoreTransaction::restoreWithoutLog(const SavedSession& saved) {
  if (saved.firstSeq != saved.endSeq) setLogStart(txn_, *session_, saved.endSeq, saved.endSeq - 1);
  dropLog();
}

void RestoreTransaction::setClockStart(Instant start) {
  txn_.edit(session_->clock).setAt = start;
}

session::UserRef RestoreTransaction::restoreUser(const SavedUser& saved, Instant now) {
  const session::UserRef ref = addUser(saved.id, saved.username, saved.avatar, session::Presence::kConnected, now);
  UserRecord& record = txn_.edit(*zone_.arena().at<UserRecord>(ref));
  record.joinedAt = saved.joinedAt;
  record.lastSeen = saved.lastSeen;
  record.bound = saved.secret.has_value();
  record.secret = saved.secret.value_or(SecretHash{});
  return ref;
}

void RestoreTransaction::restoreEvent(std::string_view event, bool isSync) {
  appendToLog(txn_, *session_, event, isSync, zone_.settings().logLimit, true);
}

}  // namespace mediasync::store
