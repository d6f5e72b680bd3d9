// Mailboxes between workers. A process pushes a record on the list of the worker that must read it; further pushes have
// no effect until the worker has taken the list. Any process pushes, only the worker takes. Nothing is allocated and
// nothing can overflow. A queued record is not freed: its place in a list pins it.
#pragma once

#include <atomic>
#include <exception>

#include "core/memory/arena.h"
#include "core/memory/fault_point.h"

namespace mediasync::memory {

// Queues the record, which has `queued` and `mailNext`, unless it is in a list already. Call it under the lock of the
// record's shard, after committing the transaction that made the news.
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

// Takes the whole list and calls fn(Ref) for each record. fn must set `queued` to 0, under the lock of the record's
// shard, before it reads the record, so that later news queue it again. If fn throws, the remaining records are still
// handled, and the exception is rethrown at the end.
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

// For a record marked as queued: clears the mark if the record is not in the list. Call it under the lock of the
// record's shard, in the worker that owns the list.
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
