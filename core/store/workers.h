// The workers of a zone: how they sign on and off, wake one another, and see to those that are gone.
#pragma once

#include <cstdint>

#include "core/store/zone.h"

namespace mediasync::store {

// Calls fn() while no worker signs on, and nobody else sees to one that is gone.
template <class Fn>
void inCensus(const Zone& zone, Fn fn) {
  RobustLock lock(zone.header().census);
  fn();
}

namespace detail {
std::uint32_t beginSigningOn(WorkerEntry&);
void endSigningOn(WorkerEntry&, ProcessId, std::uint32_t cycle, std::int64_t now);
}  // namespace detail

// A worker of that configuration takes a slot. `inherit(const WorkerId&)` sees to what all who had it before have left,
// if there is any; the slot is never free in between. `now`: monotonic.
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

// The worker ends: what it owned waits to be adopted.
void signOff(const Zone&, std::uint16_t slot);
// Nothing is left of who had it.
void freeSlot(const Zone&, std::uint16_t slot);
// Watchers of one that is gone have been removed, and they are all that its mailbox of sessions can hold.
void dropSessionMail(WorkerEntry&);

// The worker can be given WebSockets by those of an earlier configuration; or not any more.
void takeHandovers(const Zone&, std::uint16_t slot, bool takes);

// It is to look at its mailboxes. True: it must be woken, since no wake-up is on its way.
bool signal(const Zone&, std::uint16_t slot);
// A wake-up has come. What was put into the mailboxes before it is seen after this.
void hearSignal(const Zone&, std::uint16_t slot);

// Others are to look for what they were not woken for, since a worker is gone.
void announceRepair(const Zone&);
// What had been left half done by the time of so many repairs has been seen to.
void noteReconciled(const Zone&, std::uint32_t repairs);

// Whether a sweep is due, by this worker: one comes about every `interval` milliseconds. `now`: monotonic.
bool takeSweep(const Zone&, std::int64_t interval, std::int64_t now);

}  // namespace mediasync::store
