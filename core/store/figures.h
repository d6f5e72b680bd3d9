// A worker's counters for operators, see core/worker/status.h. They only grow.
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

// A count for each value of an enumeration that ends with kCount.
template <class Which>
class CountsBy {
 public:
  static constexpr std::size_t kSize = static_cast<std::size_t>(Which::kCount);
  void add(Which which) { ++counts_[static_cast<std::size_t>(which)]; }
  std::uint64_t of(Which which) const { return counts_[static_cast<std::size_t>(which)].load(); }

 private:
  std::array<Count, kSize> counts_;
};

// A histogram of seconds, in microseconds. Each bound is twice the one before, so that a value's place needs no search.
class Histogram {
 public:
  static constexpr unsigned kFirstPower = 4;
  static constexpr std::size_t kBounds = 22;
  // The greatest value in the place.
  static constexpr std::uint64_t bound(std::size_t place) { return std::uint64_t{1} << (kFirstPower + place); }

  // Ignores negative values, which come from a clock that was set.
  void observe(std::int64_t value) {
    if (value < 0) return;
    const auto size = static_cast<std::uint64_t>(value);
    const auto power = static_cast<std::size_t>(std::bit_width(size == 0 ? 0 : size - 1));
    const std::size_t place = power <= kFirstPower ? 0 : std::min<std::size_t>(power - kFirstPower, kBounds);
    ++counts_[place];
    sum_ += size;
  }
  // Place kBounds has the values above all bounds.
  std::uint64_t count(std::size_t place) const { return counts_[place].load(); }
  std::uint64_t sum() const { return sum_.load(); }

 private:
  std::array<Count, kBounds + 1> counts_;
  Count sum_;
};

// Why a handshake was refused.
enum class HandshakeRefusal : std::uint8_t {
  kRevision3,  // Engine.IO 3, which the location does not serve
  kRevision,   // an unknown revision
  kTransport,
  kMethod,
  kMalformed,    // an invalid HTTP or WebSocket request
  kOrigin,       // a page of another origin
  kUser,         // mediasync_user is empty
  kConnections,  // the maximum number of connections is reached
  kMemory,
  kUnready,  // the process starts or ends, or has no descriptor
  kCount,
};

// Why a request was answered with 403.
enum class Forbidden : std::uint8_t {
  kOrigin,
  kMember,  // a film, requested by a client that does not watch it
  kUser,
  kCount,
};

// HTTP statuses of REST answers, including NGINX's own.
inline constexpr std::array<std::uint16_t, 18> kRestStatuses{200, 201, 204, 400, 401, 403, 404, 405, 408,
                                                             413, 415, 429, 499, 500, 502, 503, 504, 507};

// The counters of a worker slot, or of several slots in a small zone. The worker writes them, any process reads them.
struct alignas(64) WorkerCounters {
  Count handshakes;
  Count upgrades;
  Count recoveries;
  Count commands;
  Count encodings;        // events encoded as JSON for a broadcast
  Count deliveries;       // events handed to connections
  Count sends;            // calls that wrote broadcasts to WebSockets
  Count skipped;          // superseded playback_sync events not sent to a full socket
  Count overruns;         // connections closed because their next event had left the log
  Count handovers;        // WebSockets taken over from workers of an earlier configuration
  Count limited;          // events and requests refused for their rate
  Count floods;           // connections closed because they went on nevertheless
  Count hooksUnanswered;  // questions that scripts did not answer in time
  Count evictions;        // abandoned sessions deleted before their time
  Count unknownSids;      // requests for a connection that does not exist
  std::array<Count, session::kRefusals.size() + 1> refusals;  // in the order of the codes; the last: scripts' own
  std::array<Count, kRestStatuses.size() + 1> rest;           // in the order of the statuses; the last: others
  CountsBy<HandshakeRefusal> turnedAway;
  CountsBy<Forbidden> forbidden;
  Histogram commandTime;    // of a turn with commands: from reading input until it was processed
  Histogram broadcastTime;  // of a round through this worker's members of a session
  Histogram hookTime;       // from a question to scripts until its answer or its time limit
  Histogram roundTrip;      // of heartbeats over WebSocket
  Histogram distance;       // of viewers from the timeline, as they report it
};

}  // namespace mediasync::store
