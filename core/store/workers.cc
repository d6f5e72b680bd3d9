#include "core/store/workers.h"

namespace mediasync::store {

std::uint32_t detail::beginSigningOn(WorkerEntry& entry) {
  const std::uint32_t generation = entry.generation.load() + 1;  // whoever had the slot before is another
  entry.generation.store(generation);  // first: should this one die from here on, it is a predecessor, too
  faultPoint();
  return generation;
}

void detail::endSigningOn(WorkerEntry& entry, ProcessId process, std::uint32_t cycle, std::int64_t now) {
  entry.process.store(process);
  faultPoint();
  entry.signalled.store(0);
  entry.seenAt.store(now);
  entry.passedBy.store(0);
  entry.cycle.store(cycle);
  entry.takes.store(0);
  entry.awaitsWrite.store(0);
  entry.lag.store(0);
  entry.lagBefore.store(0);
  entry.lagSince.store(now);
  faultPoint();
  entry.state.store(WorkerState::kRunning);
  faultPoint();
}

void signOff(const Zone& zone, std::uint16_t slot) {
  faultPoint();
  zone.worker(slot).state.store(WorkerState::kLeft);
  faultPoint();
}

void freeSlot(const Zone& zone, std::uint16_t slot) {
  zone.worker(slot).state.store(WorkerState::kNone);
  faultPoint();
}

void dropSessionMail(WorkerEntry& worker) {
  worker.sessionMail.store(0);
  faultPoint();
}

void takeHandovers(const Zone& zone, std::uint16_t slot, bool takes) {
  zone.worker(slot).takes.store(takes ? 1 : 0);
  faultPoint();
}

bool signal(const Zone& zone, std::uint16_t slot) {
  const bool wasSignalled = zone.worker(slot).signalled.exchange(1) != 0;
  faultPoint();
  return !wasSignalled;
}

// A store would not do: where a load may overtake it, mail could be missed whose sender has seen the wake-up still on
// its way.
void hearSignal(const Zone& zone, std::uint16_t slot) {
  zone.worker(slot).signalled.exchange(0);
}

void announceRepair(const Zone& zone) {
  zone.header().repairs.fetch_add(1);
  faultPoint();
}

void noteReconciled(const Zone& zone, std::uint32_t repairs) {
  zone.header().reconciled.store(repairs);
  faultPoint();
}

bool takeSweep(const Zone& zone, std::int64_t interval, std::int64_t now) {
  auto& nextSweep = zone.header().nextSweep;
  std::int64_t due = nextSweep.load();
  // A due time far ahead comes from another boot of the machine or a stopped clock.
  const bool isDue = now >= due || due > now + 10 * interval;
  if (!isDue || !nextSweep.compare_exchange_strong(due, now + interval)) return false;
  faultPoint();
  return true;
}

}  // namespace mediasync::store
