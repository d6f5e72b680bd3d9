// Figures that a worker counts for operators, see server/status.h. All of them only grow.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "core/session/refusal.h"

namespace mediasync::store {

using Count = std::atomic<std::uint64_t>;

// A count for each value of an enumeration whose last one is kCount.
template <class Which>
class CountsBy {
 public:
  static constexpr std::size_t kSize = static_cast<std::size_t>(Which::kCount);
  void add(Which which) { ++counts_[static_cast<std::size_t>(which)]; }
  std::uint64_t of(Which which) const { return counts_[static_cast<std::size_t>(which)].load(); }

 private:
  std::array<Count, kSize> counts_;
};

// Values by their size: seconds in microseconds, of time or of a film. Each bound is twice the one before, so that a
// value finds its place without a search.
class Histogram {
 public:
  static constexpr unsigned kFirstPower = 4;
  static constexpr std::size_t kBounds = 22;
  // The greatest value that the place holds.
  static constexpr std::uint64_t bound(std::size_t place) { return std::uint64_t{1} << (kFirstPower + place); }

  // A negative value comes of a clock that was set, and is not counted.
  void observe(std::int64_t value) {
    if (value < 0) return;
    const auto size = static_cast<std::uint64_t>(value);
    const auto power = static_cast<std::size_t>(std::bit_width(size == 0 ? 0 : size - 1));
    const std::size_t place = power <= kFirstPower ? 0 : std::min<std::size_t>(power - kFirstPower, kBounds);
    ++counts_[place];
    sum_ += size;
  }
  // Place kBounds has what is above all bounds.
  std::uint64_t count(std::size_t place) const { return counts_[place].load(); }
  std::uint64_t sum() const { return sum_.load(); }

 private:
  std::array<Count, kBounds + 1> counts_;
  Count sum_;
};

// Why a handshake was turned away.
enum class HandshakeRefusal : std::uint8_t {
  kRevision3,  // of Engine.IO, which the location does not serve
  kRevision,   // one that nobody serves
  kTransport,
  kMethod,
  kMalformed,    // as a request of HTTP or WebSocket
  kOrigin,       // a page of another one
  kUser,         // NGINX knows nobody where it should
  kConnections,  // there are as many as there may be
  kMemory,
  kUnready,  // the process starts or ends, or has no descriptor
  kCount,
};

// Why a request was answered with 403.
enum class Forbidden : std::uint8_t {
  kOrigin,
  kMember,  // of a film, by somebody who does not watch it
  kUser,
  kCount,
};

// Statuses of HTTP that REST answers with, and NGINX on its behalf.
inline constexpr std::array<std::uint16_t, 18> kRestStatuses{200, 201, 204, 400, 401, 403, 404, 405, 408,
                                                             413, 415, 429, 499, 500, 502, 503, 504, 507};

// The counts of a worker slot, or of several where the zone is small. Written by the worker, read by anyone.
struct alignas(64) WorkerCounters {
  Count handshakes;
  Count upgrades;
  Count recoveries;
  Count commands;
  Count encodings;        // events turned into JSON for a broadcast
  Count deliveries;       // events handed to connections
  Count sends;            // calls that wrote broadcasts to WebSockets
  Count skipped;          // superseded playback_sync events not sent to a full socket
  Count overruns;         // connections closed because they fell off the log
  Count handovers;        // WebSockets taken over from workers of an earlier configuration
  Count limited;          // events and requests refused since there were too many in a short time
  Count floods;           // connections closed since they went on nevertheless
  Count hooksUnanswered;  // questions that scripts did not answer in time
  Count evictions;        // abandoned sessions that gave way before their time
  Count unknownSids;      // requests for a connection that is not there
  std::array<Count, session::kRefusals.size() + 1> refusals;  // in the order of the codes; the last: scripts' own
  std::array<Count, kRestStatuses.size() + 1> rest;           // in the order of the statuses; the last: others
  CountsBy<HandshakeRefusal> turnedAway;
  CountsBy<Forbidden> forbidden;
  Histogram commandTime;    // of a turn with commands: from the reading of input until it was worked off
  Histogram broadcastTime;  // of a round through the members of a session that this worker has
  Histogram hookTime;       // from a question to scripts until its answer, or until it is given up
  Histogram roundTrip;      // of heartbeats over WebSocket
  Histogram distance;       // of viewers from the timeline, as they report it
};

}  // namespace mediasync::store
