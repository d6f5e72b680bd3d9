// How workers tell each other that something waits: a record is pushed on the list of the worker that must look at it,
// once, however often that is called for. Any process pushes, the worker alone takes. Nothing is allocated and nothing
// can overflow. A record is not freed while it is queued: its place in a list pins it.
#pragma once

#include <atomic>
#include <exception>

#include "core/memory/arena.h"
#include "core/memory/fault_point.h"

namespace mediasync::memory {

// Queues the record (which has `queued` and `mailNext`) unless it is in a list already. Called under the lock of the
// record's shard, after the transaction that made the news has been committed.
template <class Record>
bool postMail(const Arena& arena, std::atomic<Ref>& list, Ref ref) {
  Record& record = *arena.at<Record>(ref);
  if (record.queued.exchange(1, std::memory_order_acq_rel) != 0) return false;
  faultPoint();
  Ref head = list.load(std::memory_order_relaxed);
  do {
    record.mailNext = head;
    faultPoint();
  } while (!list.compare_exchange_weak(head, ref, std::memory_order_release, std::memory_order_relaxed));
  faultPoint();
  return true;
}

// Takes the whole list and calls fn(Ref) for each record. fn sets `queued` to 0, under the lock of the record's shard,
// before it looks at the record, so that later news queue it again. What fn throws is thrown when all have had their
// turn.
template <class Record, class Fn>
void takeMail(const Arena& arena, std::atomic<Ref>& list, Fn fn) {
  Ref ref = list.exchange(0, std::memory_order_acq_rel);
  std::exception_ptr failure;
  while (ref != 0) {
    faultPoint();
    const Ref next = arena.at<Record>(ref)->mailNext;
    try {
      fn(ref);
    } catch (...) {
      failure = std::current_exception();
    }
    ref = next;
  }
  if (failure) std::rethrow_exception(failure);
}

// For a record that says it is queued: clears that when it is not in the list. Under the lock of the record's shard, by
// the worker that the list belongs to.
template <class Record>
void mendMail(const Arena& arena, const std::atomic<Ref>& list, Ref ref) {
  Record& record = *arena.at<Record>(ref);
  if (record.queued.load(std::memory_order_acquire) == 0) return;
  for (Ref at = list.load(std::memory_order_acquire); at != 0; at = arena.at<Record>(at)->mailNext) {
    if (at == ref) return;
  }
  record.queued.store(0, std::memory_order_release);
  faultPoint();
}

}  // namespace mediasync::memory
