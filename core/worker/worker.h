// One worker process at work on one zone: its parts, and the life that they share. Knows no NGINX; whoever calls it
// makes sure that flush() is called after each batch of callbacks, and wake(), runDeadlines() and tick() when they are
// due.
#pragma once

#include <cstdint>

#include "core/worker/parts.h"

namespace mediasync::server {

class Worker {
 public:
  // `cycle` counts configurations, as ZoneHeader::cycle does.
  Worker(const store::Zone&, std::uint16_t slot, store::ProcessId, Environment&, std::uint32_t cycle = 0);
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // ---- life of the process
  // Ends every connection that cannot outlive the process, hands the others to the other workers, and signs off.
  void stop();
  bool stopped() const { return context_.stopped; }
  // Another NGINX, which is about to end, still has the zone's content: nobody can be served yet.
  bool awaitsState() const { return zone().header().state.pending.load() != 0; }
  // Nobody goes on with what would be changed now: there is no newer configuration.
  bool isLast() const { return stopped() && !context_.isOutdated(); }
  bool isOutdated() const { return context_.isOutdated(); }
  // There are POSTs whose commands wait, of which some may have come since stop(). They are answered within some
  // seconds, if runDeadlines() is called until then.
  bool hasWaitingPosts() const { return !connections_.waiting.pending().posts.empty(); }

  // ---- the event loop
  void flush();
  void wake();
  // `lateBy`: milliseconds that it is called later than it should be.
  void tick(std::int64_t lateBy = 0);
  // Milliseconds until tick() should be called again.
  std::int64_t tickDelay() const;
  // The time at which runDeadlines() is due next, in monotonic milliseconds.
  std::int64_t nextDeadline() const;
  void runDeadlines();

  // ---- its parts
  Sockets& sockets() { return transports_.sockets; }
  Polls& polls() { return transports_.polls; }
  Reload& reload() { return transports_.reload; }
  Rest& rest() { return requests_.rest; }
  Admin& admin() { return requests_.admin; }
  ScriptCalls& scriptCalls() { return requests_.scriptCalls; }
  Hooks& hooks() { return hooks_; }
  Retries& retries() { return transports_.retries; }
  Confirmations& confirmations() { return requests_.confirmations; }

  const store::Zone& zone() const { return context_.zone; }
  store::WorkerCounters& counters() { return context_.counters; }

 private:
  void signOn(store::ProcessId);
  void stopSockets();
  void takeMail();
  void wakeOthers();
  void hearSignal();
  void showLife(Instant now);
  void sweepIfDue(Instant now);

  Context context_;
  Hooks hooks_{context_};
  SessionParts sessions_{context_};
  Delivery delivery_{context_, sessions_.sessions};
  Connections connections_{context_, hooks_, sessions_.sessions, delivery_};
  Requests requests_{context_, hooks_, sessions_.sessions, connections_};
  Apps apps_{context_, hooks_, connections_, requests_};
  Transports transports_{context_, sessions_.eviction, delivery_, connections_, apps_.applications};
  Care care_{context_, delivery_, connections_, transports_};
  std::uint32_t seenRepairs_ = 0;
  bool signedOff_ = false;  // its mailboxes are others' business
};

}  // namespace mediasync::server
