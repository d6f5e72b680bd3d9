// What is shown of a session.
#include "core/store/session_transaction.h"

namespace mediasync::store {

using session::Presence;
using session::UserRef;

namespace {

// What is the same in the JSON of every session, and of every user in it.
constexpr std::size_t kStateBytes = 540;
constexpr std::size_t kUserBytes = 132;

}  // namespace

std::size_t SessionTransaction::stateBytes() const {
  return kStateBytes + textBytes(*session_) + session_->userCount * kUserBytes + session_->userTextBytes;
}

session::UserView SessionTransaction::view(UserRef ref) const {
  const UserRecord& record = userAt(ref);
  return {views<session::UserProfile>(record), record.presence == Presence::kConnected, text(record.id) == leaderId()};
}

void SessionTransaction::copyTo(Snapshot& snapshot, Instant now, Users users) const {
  session::SessionView& view = snapshot.view;
  view.users.clear();
  if (users == Users::kAll) view.users.reserve(session_->userCount);
  for (Ref ref = users == Users::kAll ? session_->users.first : 0; ref != 0; ref = nextUser(ref))
    view.users.push_back(this->view(ref));
  static_cast<session::SessionIds<session::Views>&>(view) = views<session::SessionIds>(*session_);
  static_cast<session::SessionTimes&>(view) = *session_;
  view.playback = session::viewOf(session_->clock, media(), now);
  view.userCount = session_->userCount;
  view.connectedCount = session_->connectedCount;
  snapshot.texts_.takeFrom(view);
}

}  // namespace mediasync::store
