#include "core/sessions/admission.h"

#include <string>
#include <utility>

#include "core/context/options.h"

namespace mediasync::server {

namespace {

constexpr std::int64_t kSayAgain = 60'000;

}  // namespace

Admission::Admission(Context& context) : Part(context) {}

bool Admission::isOneTooMany(const Options& options) const {
  return options.maxSessions != 0 && zone_.sessionCount() >= options.maxSessions;
}

// True if the client may make one more session now, and anybody may. Counts it then.
bool Admission::admitsSession(std::uint64_t client, const Rates& rates, Instant now) {
  if (zone_.admitClient(client, rates.ownSessions, now)) return zone_.admitSession(rates.newSessions, now);
  sayTooMany(now);
  return false;
}

// It may be one client, or all clients behind a proxy of which NGINX has not been told: the operator is to know.
void Admission::sayTooMany(Instant now) {
  if (tooManySaidAt_ != 0 && now.mono - tooManySaidAt_ < kSayAgain) return;
  tooManySaidAt_ = now.mono;
  env_.log(Environment::Severity::kWarn,
           "refuses sessions of an address that makes more than mediasync_limit_create lets it");
}

}  // namespace mediasync::server
