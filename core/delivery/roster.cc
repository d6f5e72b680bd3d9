#include "core/delivery/roster.h"

#include <utility>

#include "core/api/session_json.h"

namespace mediasync::server {
namespace {

constexpr std::int64_t kOldest = 1'000;

}  // namespace

void Roster::update(const store::SessionTransaction& session, api::TimestampUnit unit, Instant now) {
  usedAt_ = now.mono;
  if (last_ == 0 || changes_ != session.rosterChanges() || unit_ != unit || now.mono - begunAt_ > kOldest) {
    json_ = "[";
    unit_ = unit;
    last_ = 0;
    changes_ = session.rosterChanges();
    begunAt_ = now.mono;
  } else {
    json_.pop_back();
  }
  store::Ref last = std::exchange(last_, 0);  // should memory run out, it is begun anew
  for (session::UserRef user = last == 0 ? session.firstUser() : session.nextUser(last); user != 0;
       user = session.nextUser(user)) {
    if (json_.size() > 1) json_ += ',';
    api::appendUser(json_, session.view(user), unit);
    last = user;
  }
  json_ += ']';
  last_ = last;
}

}  // namespace mediasync::server
