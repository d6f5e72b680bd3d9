// Lists and hash chains that run through shared records.
#pragma once

#include <atomic>

#include "core/memory/arena.h"
#include "core/memory/transaction.h"

namespace mediasync::memory {

// The ends of a doubly linked list that runs through records.
struct Queue {
  Ref first;
  Ref last;
};
struct QueueLinks {
  Ref next;
  Ref previous;
};

// `links` is the member of T that links the list.
template <class T>
void pushBack(Transaction& txn, const Queue& queue, QueueLinks T::*links, Ref ref) {
  Queue& q = txn.edit(queue);
  txn.edit(txn.arena().at<T>(ref)->*links) = {0, q.last};
  if (q.last != 0) {
    txn.edit(txn.arena().at<T>(q.last)->*links).next = ref;
  } else {
    q.first = ref;
  }
  q.last = ref;
}

template <class T>
void pushFront(Transaction& txn, const Queue& queue, QueueLinks T::*links, Ref ref) {
  Queue& q = txn.edit(queue);
  txn.edit(txn.arena().at<T>(ref)->*links) = {q.first, 0};
  if (q.first != 0) {
    txn.edit(txn.arena().at<T>(q.first)->*links).previous = ref;
  } else {
    q.last = ref;
  }
  q.first = ref;
}

// Inserts after `previous`, or at the front if that is 0.
template <class T>
void insertAfter(Transaction& txn, const Queue& queue, QueueLinks T::*links, Ref previous, Ref ref) {
  if (previous == 0) return pushFront(txn, queue, links, ref);
  if (previous == queue.last) return pushBack(txn, queue, links, ref);
  const Ref next = (txn.arena().at<T>(previous)->*links).next;
  txn.edit(txn.arena().at<T>(ref)->*links) = {next, previous};
  txn.edit(txn.arena().at<T>(previous)->*links).next = ref;
  txn.edit(txn.arena().at<T>(next)->*links).previous = ref;
}

template <class T>
void unlink(Transaction& txn, const Queue& queue, QueueLinks T::*links, Ref ref) {
  const QueueLinks here = txn.arena().at<T>(ref)->*links;
  if (here.next != 0) {
    txn.edit(txn.arena().at<T>(here.next)->*links).previous = here.previous;
  } else {
    txn.edit(queue).last = here.previous;
  }
  if (here.previous != 0) {
    txn.edit(txn.arena().at<T>(here.previous)->*links).next = here.next;
  } else {
    txn.edit(queue).first = here.next;
  }
}

// Hash chains: `bucket` is the head, T::hashNext the link.
template <class T>
void chain(Transaction& txn, const Ref& bucket, Ref ref) {
  txn.edit(txn.arena().at<T>(ref)->hashNext) = bucket;
  txn.edit(bucket) = ref;
}

template <class T>
void unchain(Transaction& txn, const Ref& bucket, Ref ref) {
  const Ref* link = &bucket;
  while (*link != 0 && *link != ref)
    link = &txn.arena().at<T>(*link)->hashNext;
  if (*link == ref) txn.edit(*link) = txn.arena().at<T>(ref)->hashNext;
}

template <class T>
void bump(Transaction& txn, std::atomic<T>& counter, int by) {
  txn.note(&counter, sizeof counter);
  counter.store(counter.load(std::memory_order_relaxed) + static_cast<T>(by), std::memory_order_relaxed);
}

}  // namespace mediasync::memory
