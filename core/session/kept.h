// The fields of a session and of its users that are kept everywhere: in the tables, in the state file, in a snapshot.
// `Holder` says how texts are held there: a `Text` always, a `MaybeText` where it may be absent.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>

#include "core/session/field.h"
#include "core/session/limits.h"

namespace mediasync::session {

// Texts that somebody else holds.
struct Views {
  using Text = std::string_view;
  using MaybeText = std::optional<std::string_view>;
};

// Texts of one's own.
struct Owned {
  using Text = std::string;
  using MaybeText = std::optional<std::string>;
};

inline constexpr Text kId{1, kMaxIdBytes};
inline constexpr Text kIdOrNone{0, kMaxIdBytes};
inline constexpr Text kUsername{1, kMaxUsernameBytes};
inline constexpr Text kAvatar{0, kMaxAvatarBytes};
inline constexpr Text kMediaUrl{0, kMaxMediaUrlBytes};

// Missing fields of a film follow from its URL: the id is the URL, which may be longer than an id, the title is the
// file's name in it, and a length that nobody knows is 0. The struct that has such a field has the `mediaUrl`.
struct IdOfUrl : Text {};
struct TitleOfUrl : Text {};
struct LengthOfUrl : Number {};
inline constexpr IdOfUrl kMediaId{{0, kMaxMediaIdBytes}};
inline constexpr TitleOfUrl kMediaTitle{{0, kMaxMediaTitleBytes}};
inline constexpr LengthOfUrl kMediaDuration{{.least = 0}};

template <class Holder>
struct SessionIds {
  typename Holder::Text id = {};
  typename Holder::Text creatorId = {};
  typename Holder::Text leaderId = {};  // empty: nobody leads yet

  static constexpr auto fields() {
    return std::tuple{field("sessionId", &SessionIds::id, kId), field("creatorId", &SessionIds::creatorId, kId),
                      field("leaderId", &SessionIds::leaderId, kIdOrNone)};
  }
  friend bool operator==(const SessionIds&, const SessionIds&) = default;
};

// The film, as far as somebody has said it.
template <class Holder>
struct MediaTexts {
  typename Holder::MaybeText mediaUrl = {};
  typename Holder::MaybeText mediaId = {};
  typename Holder::MaybeText mediaTitle = {};

  static constexpr auto fields() {
    return std::tuple{field("mediaUrl", &MediaTexts::mediaUrl, kMediaUrl),
                      field("mediaId", &MediaTexts::mediaId, kMediaId),
                      field("mediaTitle", &MediaTexts::mediaTitle, kMediaTitle)};
  }
  friend bool operator==(const MediaTexts&, const MediaTexts&) = default;
};

struct SessionTimes {
  std::int64_t createdAt = 0;     // epoch milliseconds
  std::int64_t lastActivity = 0;  // epoch milliseconds

  static constexpr auto fields() {
    return std::tuple{field("createdAt", &SessionTimes::createdAt, IsoTime{}),
                      field("lastActivity", &SessionTimes::lastActivity, Time{})};
  }
};

// The presence of a user in the session.
enum class Presence : std::uint8_t {
  kConnected,  // has at least one connection
  kGrace,      // lost the last one a moment ago; the others have not been told
  kAway,       // given up, or listed by REST and not yet come; the others see it as left
};

template <class Holder>
struct UserProfile {
  typename Holder::Text id = {};
  typename Holder::Text username = {};
  typename Holder::MaybeText avatar = {};
  std::int64_t joinedAt = 0;  // epoch milliseconds
  std::int64_t lastSeen = 0;  // epoch milliseconds

  static constexpr auto fields() {
    return std::tuple{field("id", &UserProfile::id, kId), field("username", &UserProfile::username, kUsername),
                      field("avatar", &UserProfile::avatar, kAvatar),
                      field("joinedAt", &UserProfile::joinedAt, IsoTime{}),
                      field("lastSeen", &UserProfile::lastSeen, Time{})};
  }
};

using Media = MediaTexts<Views>;

}  // namespace mediasync::session
