// Names of core/memory for the records, the tables and their users.
#pragma once

#include "core/memory/arena.h"
#include "core/memory/fault_point.h"
#include "core/memory/linked.h"
#include "core/memory/page_heap.h"
#include "core/memory/robust_mutex.h"
#include "core/memory/transaction.h"
#include "core/memory/undo_log.h"

namespace mediasync::store {

using memory::Arena;
using memory::faultPoint;
using memory::kMaxObject;
using memory::kPageSize;
using memory::OutOfSpace;
using memory::PageHeap;
using memory::Queue;
using memory::QueueLinks;
using memory::Ref;
using memory::Region;
using memory::RobustLock;
using memory::RobustMutex;
using memory::ShardHeader;
using memory::ShardId;
using memory::ShardLock;
using memory::SharedText;
using memory::textOf;
using memory::Transaction;
using memory::UndoLog;

}  // namespace mediasync::store
