#include "core/connection/retries.h"

#include <algorithm>
#include <limits>
#include <unordered_set>
#include <utility>

#include "core/connection/applications.h"
#include "core/connection/outbox.h"
#include "core/connection/polls.h"
#include "core/connection/sockets.h"
#include "core/connection/waiting_line.h"
#include "core/connection/work.h"

namespace mediasync::server {

using store::EndReason;
using websocket::CloseCode;

Retries::Retries(Context& context, Outbox& outbox, Polls& polls, Sockets& sockets, WaitingLine& waiting,
                 Applications& applications)
    : Part(context),
      outbox_(outbox),
      polls_(polls),
      sockets_(sockets),
      waiting_(waiting),
      applications_(applications) {}

void Retries::scriptsAnswered() {
  const auto hasNews = [](const std::unique_ptr<Deferred>& deferred) {
    return deferred && deferred->question.hasNews();
  };
  std::vector<Channel*> channels;
  std::vector<PostJob*> jobs;
  std::erase_if(waiting_.pending().waiting, [&](Channel* channel) {
    if (!hasNews(channel->deferred)) return false;
    channels.push_back(channel);
    return true;
  });
  std::erase_if(waiting_.pending().posts, [&](PostJob* job) {
    if (!hasNews(job->deferred)) return false;
    jobs.push_back(job);
    return true;
  });
  for (Channel* channel : channels)
    retry(*channel);
  for (PostJob* job : jobs)
    retry(*job);
}

// Commands that had to wait for readers are tried again, less often while none gets on. Where one of a session does
// not, those behind it need not be tried.
void Retries::retryWaiting() {
  const std::vector<WaitingLine::Waiting> all = waiting_.takeWaiting();
  waiting_.line().clear();
  for (const WaitingLine::Waiting& one : all)
    waiting_.line().add(one.waitsFor());
  if (all.empty()) return;
  std::unordered_set<std::uint64_t> stuck;
  bool progress = false;
  const std::int64_t now = env_.now().mono;
  const auto keep = [this](const WaitingLine::Waiting& one) {
    waiting_.line().add(one.waitsFor());
    if (one.channel != nullptr) waiting_.pending().waiting.push_back(one.channel);
    if (one.job != nullptr) waiting_.pending().posts.push_back(one.job);
  };
  for (const WaitingLine::Waiting& one : all) {
    const Deferred* deferred = one.deferred();
    const std::int64_t timeout =
        one.channel != nullptr ? one.channel->options->hookTimeout : one.job->options.hookTimeout;
    const bool asksScripts = deferred != nullptr && deferred->question.isWaiting(now, timeout);
    const std::uint64_t session = one.waitsFor().session;
    const bool isBehindAnother = stuck.contains(session);
    waiting_.line().remove(one.waitsFor());
    if ((asksScripts && !(one.job != nullptr && context_.stopped)) || (isBehindAnother && one.channel != nullptr)) {
      keep(one);
      continue;
    }
    const bool gotOn = one.channel != nullptr ? retry(*one.channel) : retry(*one.job);
    if (!gotOn && session != 0) stuck.insert(session);
    progress = progress || gotOn;
  }
  retryDelay_ = progress ? kRetryDelay : std::min(2 * retryDelay_, kMaxRetryDelay);
}

// True: it got on.
bool Retries::retry(Channel& channel) {
  if (channel.state != Channel::State::kOpen || channel.link == nullptr || !channel.deferred) return true;
  if (channel.link->ticket != 0) {  // on its way to another worker, and the command with it
    waiting_.pending().waiting.push_back(&channel);
    return false;
  }
  auto deferred = std::exchange(channel.deferred, nullptr);
  Handled handled = Handled::kClose;
  try {
    handled = applications_.resumed(channel, *deferred);
  } catch (...) {
    context_.logFailure();
    sockets_.failChannel(channel, {EndReason::kInternalError, CloseCode::kInternalError});
    return true;
  }
  if (handled == Handled::kDeferred) {
    channel.deferred = std::move(deferred);
    waiting_.noteWaiting(channel.deferred.get());
    waiting_.pending().waiting.push_back(&channel);
    return false;
  }
  if (handled == Handled::kDone) {
    sockets_.resumeInput(channel);
  } else {
    sockets_.failChannel(channel, endingOf(handled));
  }
  return true;
}

bool Retries::retry(PostJob& job) {
  if (job.restsUntil > env_.now().mono && !context_.stopped) {
    waiting_.pending().posts.push_back(&job);
    return false;
  }
  std::optional<Polls::PostResult> result = Polls::PostResult{engineio::Error::kBadRequest};
  const std::int64_t waitingSince = job.waitingSince;
  try {
    result = polls_.runPost(job);
  } catch (...) {
    context_.logFailure();
    outbox_.closeFromAfar(job, store::Closing::kByServer, EndReason::kInternalError);
  }
  if (!result) return job.waitingSince != waitingSince;
  job.finished(result->error);
  return true;
}

std::int64_t Retries::next() const {
  const bool isNone = waiting_.pending().waiting.empty() && waiting_.pending().posts.empty();
  return isNone ? std::numeric_limits<std::int64_t>::max() : lastRetry_ + retryDelay_;
}

void Retries::runDue(Instant now) {
  if (lastRetry_ + retryDelay_ > now.mono) return;
  lastRetry_ = now.mono;
  retryWaiting();
}

}  // namespace mediasync::server
