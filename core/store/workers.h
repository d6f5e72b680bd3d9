// The workers of a zone: how they sign on and off, wake one another, and reap dead ones.
#pragma once

#include <cstdint>

#include "core/store/zone.h"

namespace mediasync::store {

// Calls fn() while no other worker signs on or reaps.
template <class Fn>
void inCensus(const Zone& zone, Fn fn) {
  RobustLock lock(zone.header().census);
  fn();
}

namespace detail {
std::uint32_t beginSigningOn(WorkerEntry&);
void endSigningOn(WorkerEntry&, ProcessId, std::uint32_t cycle, std::int64_t now);
}  // namespace detail

// A worker of that configuration takes a slot. `inherit(const WorkerId&)` reaps the remains of all former workers in
// it, if any; the slot is never free in between. `now`: monotonic.
template <class Inherit>
WorkerId signOn(const Zone& zone, std::uint16_t slot, ProcessId process, std::uint32_t cycle, std::int64_t now,
                Inherit inherit) {
  WorkerEntry& entry = zone.worker(slot);
  WorkerId id{slot, 0};
  inCensus(zone, [&] {
    id.generation = detail::beginSigningOn(entry);
    if (entry.state.load() != WorkerState::kNone) inherit(id);
    detail::endSigningOn(entry, process, cycle, now);
  });
  return id;
}

// The worker ends: its connections wait to be adopted.
void signOff(const Zone&, std::uint16_t slot);
// Nothing is left of the slot's former worker.
void freeSlot(const Zone&, std::uint16_t slot);
// The watchers of a dead worker, the only records in its mailbox of sessions, have been removed.
void dropSessionMail(WorkerEntry&);

// Sets whether workers of an earlier configuration can hand WebSockets over to the worker.
void takeHandovers(const Zone&, std::uint16_t slot, bool takes);

// Requests that the worker read its mailboxes. True: it must be woken, since no wake-up is on its way.
bool signal(const Zone&, std::uint16_t slot);
// A wake-up has arrived. The caller then sees everything that was put into the mailboxes before.
void hearSignal(const Zone&, std::uint16_t slot);

// A worker is gone: the others must look for lost wake-ups.
void announceRepair(const Zone&);
// The repairs up to that count have been reconciled.
void noteReconciled(const Zone&, std::uint32_t repairs);

// True if this worker is to sweep now: a sweep is due about every `interval` milliseconds. `now`: monotonic.
bool takeSweep(const Zone&, std::int64_t interval, std::int64_t now);

}  // namespace mediasync::store
