// The members of one session whose connections this worker owns.
#pragma once

#include <cstdint>
#include <memory>

#include <boost/intrusive/list.hpp>

#include "core/delivery/recipient.h"
#include "core/delivery/roster.h"
#include "core/store/records.h"
#include "core/store/session_log.h"

namespace mediasync::server {

using Members =
    boost::intrusive::list<Recipient, boost::intrusive::member_hook<Recipient, SafeListHook, &Recipient::inRoom>>;

class Room {
 public:
  store::Ref session = 0;
  std::uint64_t serial = 0;
  std::uint16_t shard = 0;
  bool watched = false;        // the session wakes this worker
  std::uint64_t pulled = 0;    // next event to read from the log
  store::LogPlace place;       // where that is
  std::uint32_t behind = 0;    // members that are behind
  bool needsChanged = false;   // to be told to the log at the next flush
  std::int64_t heldSince = 0;  // monotonic: since when members here have kept the log from taking more; 0: they do not
  std::int64_t nextRound = 0;  // monotonic: until then comings and goings wait, to be told together; 0: none do
  bool waits = false;          // some do
  bool listed = false;         // among the rooms that are looked at when their rest is over
  Members members;
  std::unique_ptr<Roster> roster;  // of a large session; null: nobody has come of late
};

}  // namespace mediasync::server
