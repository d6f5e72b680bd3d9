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
  return kStateBytes + session_->id.size + session_->creatorId.size + session_->leaderId.size +
         session_->mediaUrl.size + session_->mediaId.size + session_->mediaTitle.size +
         session_->userCount * kUserBytes + session_->userTextBytes;
}

session::UserView SessionTransaction::view(UserRef ref) const {
  const UserRecord& record = userAt(ref);
  return {text(record.id),
          text(record.username),
          optionalText(record.avatar),
          record.joinedAt,
          record.lastSeen,
          record.presence == Presence::kConnected,
          text(record.id) == leaderId()};
}

void SessionTransaction::copyTo(Snapshot& snapshot, Instant now, Users users) const {
  const std::size_t bytes = 6 * session::kMaxMediaUrlBytes + (users == Users::kAll ? session_->userTextBytes : 0);
  snapshot.texts_.clear();
  snapshot.texts_.reserve(bytes);  // never grows below, so the views stay valid
  auto copy = [&snapshot](std::string_view from) {
    const std::size_t at = snapshot.texts_.size();
    snapshot.texts_.append(from);
    return std::string_view(snapshot.texts_.data() + at, from.size());
  };
  auto copyOptional = [&copy](std::optional<std::string_view> from) {
    return from ? std::optional(copy(*from)) : std::nullopt;
  };
  session::SessionView& view = snapshot.view;
  view.sessionId = copy(text(session_->id));
  view.creatorId = copy(text(session_->creatorId));
  view.leaderId = copy(leaderId());
  view.playback = session::PlaybackView{};
  const session::PlaybackClock& clock = session_->clock;
  view.playback.mediaUrl = copyOptional(optionalText(session_->mediaUrl));
  view.playback.mediaId = copyOptional(optionalText(session_->mediaId));
  view.playback.mediaTitle = copyOptional(optionalText(session_->mediaTitle));
  view.playback.mediaDuration = clock.knownDuration();
  view.playback.position = clock.positionAt(now);
  view.playback.isPlaying = clock.isPlaying;
  view.playback.playbackRate = clock.rate;
  view.playback.lastUpdateTime = now.wall + clock.untilStart(now);
  view.createdAt = session_->createdAt;
  view.lastActivity = session_->lastActivity;
  view.userCount = session_->userCount;
  view.connectedCount = session_->connectedCount;
  view.users.clear();
  if (users == Users::kNone) return;
  view.users.reserve(session_->userCount);
  for (Ref ref = session_->users.first; ref != 0; ref = nextUser(ref)) {
    session::UserView user = this->view(ref);
    user.id = copy(user.id);
    user.username = copy(user.username);
    user.avatar = copyOptional(user.avatar);
    view.users.push_back(user);
  }
}

}  // namespace mediasync::store
