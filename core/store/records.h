// The records of the shared tables. All are trivially copyable, and all references are Refs.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "core/base/secret.h"
#include "core/base/token_bucket.h"
#include "core/session/kept.h"
#include "core/session/limits.h"
#include "core/session/playback.h"
#include "core/session/state.h"
#include "core/store/ending.h"
#include "core/store/memory.h"

namespace mediasync::store {

inline constexpr std::size_t kMaxWorkers = 512;  // slots of the process table that may hold a worker

// A worker process of one generation. A respawned worker in the same slot has a new generation.
struct WorkerId {
  std::uint16_t slot = 0;
  std::uint32_t generation = 0;
  friend bool operator==(const WorkerId&, const WorkerId&) = default;
};

// ---- sessions, in session shards ----

// Part of a session's log: consecutive events, each with an EventHeader.
struct LogChunk {
  Ref next;
  std::uint32_t capacity;  // bytes for events
  std::uint32_t used;
  std::uint32_t count;     // events in it
  std::uint64_t firstSeq;  // offset of the first event
  // events follow
};

struct EventHeader {
  std::uint32_t size;    // of the event's bytes, without padding to 8
  std::uint32_t isSync;  // a playback_sync, which a newer one supersedes
};

// Offsets count events from 1 and grow forever. The log holds [firstSeq, nextSeq). It has no chunk if nobody can need
// it.
struct SessionLog {
  std::uint64_t firstSeq;
  std::uint64_t nextSeq;
  std::uint64_t lastSyncSeq;  // the newest playback_sync
  std::uint64_t lostSeq;      // the newest event that was dropped and not superseded; 0: none
  Ref firstChunk;
  Ref lastChunk;
  std::uint32_t bytes;  // of all chunks, including headers
};

// Texts in shared memory.
struct SharedTexts {
  using Text = SharedText;
  using MaybeText = SharedText;  // ref 0: none
};

// A worker that holds connections of a session. Doubles as the note that wakes it: `queued` and `mailNext` belong to
// the worker's mailbox.
struct SessionWatcher {
  Ref next;  // of the same session
  Ref session;
  std::uint64_t sessionSerial;
  WorkerId worker;
  std::uint16_t shard;
  std::atomic<std::uint64_t> needed;  // all readers of the worker have everything before this offset
  std::atomic<std::uint32_t> queued;
  Ref mailNext;
};

// SessionWatcher::needed of a worker that has no readers, or none that the session waits for.
inline constexpr std::uint64_t kNothingNeeded = UINT64_MAX;

struct UserRecord : session::UserProfile<SharedTexts> {
  std::uint64_t serial;
  std::uint64_t hash;
  Ref hashNext;
  Ref session;
  QueueLinks inSession;      // in the order of joining
  QueueLinks inQueue;        // grace or away
  std::int64_t absentSince;  // monotonic; of one whom the server sent away, a little later
  Ref firstMembership;
  std::uint8_t connections;
  session::Presence presence;
  bool queuedForTime;
  bool isLate;      // in the queue of late graces
  bool bound;       // to `secret`, which its clients must present
  bool stallKnown;  // a report, `stall`, has come since the join
  session::Stall stall;
  TokenBucket events;  // its rate of events
  SecretHash secret;   // valid if bound
};
static_assert(sizeof(UserRecord) <= 128, "a size class; there is one of these for each user");
static_assert(session::kMaxConnectionsPerUser <= 255);

// One connection of a user.
struct Membership {
  std::uint64_t serial;
  std::uint64_t connectionSerial;
  Ref connection;
  Ref user;
  Ref next;  // of the same user
  std::uint16_t connectionShard;
};

// Changes of a session that the state file lacks. Each kind includes the ones before it.
enum class Unsaved : std::uint8_t {
  kNothing,
  kHead,   // everything except the users
  kUsers,  // also the users
};

struct SessionRecord : session::SessionIds<SharedTexts>, session::MediaTexts<SharedTexts>, session::SessionTimes {
  std::uint64_t serial;
  std::uint64_t hash;
  Ref hashNext;
  QueueLinks all;       // every session of the shard
  QueueLinks inIdle;    // sessions without a connection, by idleSince
  QueueLinks inLogged;  // those of inIdle that have a log
  QueueLinks inVacant;  // those of inIdle without a user, longest vacant first
  bool idle;
  bool logged;
  bool vacant;
  bool ending;  // cannot be found any more, and is being taken apart
  session::PlaybackClock clock;
  std::int64_t idleSince;  // monotonic
  std::uint32_t userCount;
  std::uint32_t connectedCount;
  std::uint32_t connectionCount;
  TokenBucket joins;  // the rate of joins
  Queue users;
  std::uint32_t rosterChanges;  // changes to its users as clients see them, except users added at the end
  std::uint32_t userTextBytes;  // of all its users
  Ref watchers;
  SessionLog log;
  // The session's allowance of waits for slow readers, in milliseconds, and the time up to which waits have been
  // counted, on whatever worker. Written under the lock, and never noted for undo.
  TokenBucket waits;
  std::int64_t waitedUntil;  // monotonic
  // The changes that the state file lacks, and the end of the log in the file.
  QueueLinks inUnsaved;
  Unsaved unsaved;
  std::uint64_t savedEnd;
  // Its serial before it was read from a state file, and the end of its log then; 0: it was not read from one.
  std::uint64_t formerSerial;
  std::uint64_t formerEnd;
};

// Sessions that have ended, for the state file. If there are more, the next snapshot covers them.
struct GoneSessions {
  static constexpr std::uint32_t kMost = 32;
  std::uint32_t count;  // kMost + 1: there were more
  std::uint64_t serials[kMost];
};

// Calls fn(const SharedText&) for each text of a record.
template <class Fn>
void eachText(const SessionRecord& session, Fn fn) {
  const auto call = [&fn](const SharedText& text, const auto&) { fn(text); };
  session::eachKept<const session::SessionIds<SharedTexts>>(session, call);
  session::eachKept<const session::MediaTexts<SharedTexts>>(session, call);
}
template <class Fn>
void eachText(const UserRecord& user, Fn fn) {
  session::eachKept<const session::UserProfile<SharedTexts>>(user, [&fn](const auto& value, const auto&) {
    if constexpr (std::is_same_v<std::remove_cvref_t<decltype(value)>, SharedText>) fn(value);
  });
}

// The bytes of all texts of a record.
template <class Record>
std::uint32_t textBytes(const Record& record) {
  std::uint32_t bytes = 0;
  eachText(record, [&bytes](const SharedText& text) { bytes += text.size; });
  return bytes;
}

struct SessionShard {
  ShardHeader header;
  Ref sessionBuckets;  // 0 until the first use of the zone; arrays of Ref
  Ref userBuckets;
  std::uint32_t bucketMask;
  std::uint32_t userBucketMask;
  std::atomic<std::uint32_t> sessions;
  std::atomic<std::uint32_t> users;
  std::atomic<std::uint32_t> memberships;
  Queue allSessions;
  Queue grace;      // users in grace, oldest first
  Queue lateGrace;  // more of them, whose grace ends before that of the last ones in `grace`
  Queue away;       // users past their grace, oldest first
  Queue idle;       // sessions without a connection, oldest first
  Queue logged;
  Queue vacant;
  Queue unsaved;
  GoneSessions gone;
};

// ---- connections, in connection shards ----

using RandomId = std::array<std::uint8_t, 16>;

enum class Transport : std::uint8_t { kPolling, kWebSocket };

// Connections are counted by transport, and by whether they use revision 3 of Engine.IO.
inline constexpr std::size_t kConnectionKinds = 4;
constexpr std::size_t kindOf(Transport transport, bool isOld) {
  return 2 * static_cast<std::size_t>(transport) + (isOld ? 1 : 0);
}

// Output for one connection, on whichever worker its next poll arrives.
enum class ItemKind : std::uint8_t {
  kPacket,         // an Engine.IO packet, as text
  kBinary,         // an Engine.IO message of raw bytes
  kRecovered,      // a packet that goes before the events of the session
  kSessionJoined,  // a session_joined with the state at its sending
  kSessionState,   // a session_state with the state at its sending
};

struct Item {
  Ref next;
  std::uint32_t size;
  ItemKind kind;
  bool continues;  // the text continues in the next item
  // the text follows
};

// Snapshots are made when they are sent.
constexpr bool isSnapshot(ItemKind kind) {
  return kind == ItemKind::kSessionJoined || kind == ItemKind::kSessionState;
}

// Items in order.
struct ItemChain {
  Ref first;
  Ref last;
  std::uint32_t bytes;
  std::uint32_t count;
};

// Acknowledgements requested from a client, in one namespace. The last 64 questions can be answered, each once.
struct AcksAsked {
  std::uint64_t open;  // bit id % 64: unanswered
  std::uint32_t next;  // the next question's id
};

// A Socket.IO namespace, other than "/", of a connection.
struct NamespaceRecord {
  Ref next;
  std::uint32_t size;
  AcksAsked acks;
  RandomId socketId;
  // the name follows
};

// Identifies a connection within a process, without its sid.
struct ConnectionRef {
  Ref ref = 0;
  std::uint64_t serial = 0;
  std::uint16_t shard = 0;
};

// The place of a connection in a session. `session` is 0 if it is in none.
struct SeatRef {
  Ref session = 0;
  Ref user = 0;
  Ref membership = 0;
  std::uint16_t shard = 0;
  std::uint64_t sessionSerial = 0;
  std::uint64_t membershipSerial = 0;
  explicit operator bool() const { return session != 0; }
};

// Says whether and why the owner has to close a connection.
enum class Closing : std::uint8_t {
  kNo,
  kByClient,  // the client closed it
  kByServer,
};

// The application and the user of a connection. From another realm it can neither be used nor recovered.
struct Realm {
  std::uint64_t identity = 0;    // keyed hash of the user that NGINX authenticated; 0: none
  std::uint8_t application = 0;  // the application that the connection uses
  bool asksSecret = false;       // users are bound to secrets
  friend bool operator==(const Realm&, const Realm&) = default;
};

// The realm of a lost connection: the client's secret, if it has one, replaces the authenticated user.
inline Realm returnRealm(Realm realm, const SecretHash& secret) {
  if (!realm.asksSecret) return realm;
  realm.asksSecret = false;
  std::memcpy(&realm.identity, secret.data(), sizeof realm.identity);
  realm.identity |= 1;  // never 0, which means no user
  return realm;
}

// The address of a client: 4 or 16 bytes; size 0: a UNIX-domain socket, or unknown.
struct Address {
  std::array<std::uint8_t, 16> bytes{};
  std::uint8_t size = 0;
  friend bool operator==(const Address&, const Address&) = default;
};

// The traffic of a connection: Engine.IO packets, and the bytes of their frames or bodies.
struct Traffic {
  std::uint64_t bytesIn = 0;
  std::uint64_t bytesOut = 0;
  std::uint64_t messagesIn = 0;
  std::uint64_t messagesOut = 0;

  bool isNone() const { return bytesIn == 0 && bytesOut == 0 && messagesIn == 0 && messagesOut == 0; }
  void sent(std::size_t bytes, std::uint64_t messages = 0) {
    bytesOut += bytes;
    messagesOut += messages;
  }
  void add(const Traffic& other) {
    bytesIn += other.bytesIn;
    bytesOut += other.bytesOut;
    messagesIn += other.messagesIn;
    messagesOut += other.messagesOut;
  }
};

// The account of a connection, for the operator's log at its end. The owner of a WebSocket counts its traffic.
struct AccountRecord {
  std::uint64_t location;  // of the log, as Options::log
  std::int64_t since;      // monotonic
  Traffic polled;
  // The last seat; session 0: there was none.
  std::uint64_t sessionSerial;
  std::uint64_t userSerial;
  Ref session;
  Ref user;
  std::uint16_t shard;
  bool recovered;
  Address address;
};
static_assert(sizeof(AccountRecord) <= 96, "a size class; there is one of these for each connection that is logged");

struct ConnectionRecord {
  std::uint64_t serial;
  RandomId sid;       // Engine.IO
  RandomId socketId;  // Socket.IO, namespace "/"
  RandomId pid;       // for its recovery; valid if recoverable
  WorkerId owner;
  Transport transport;
  std::uint8_t revision;    // of Engine.IO
  bool base64;              // accepts binary messages only as text
  bool namespaceConnected;  // to "/"
  bool recoverable;         // events carry their offsets
  bool pingDue;             // the next poll is answered with a ping
  bool pollWaiting;         // the owner holds a poll
  bool posting;             // a POST is in progress
  bool awaitingSnapshot;    // in a session, and session_joined has not been sent
  bool evicted;             // its user left by another connection, and it has not joined since
  bool overrun;             // too much output was waiting
  Closing closing;
  bool unsaved;                // the state file lacks its recoverable place
  bool dead;                   // ended, but still in a worker's mailbox, which frees it
  std::uint8_t timestampUnit;  // of its location
  std::uint8_t binaryLeft;     // outstanding attachments of a packet
  bool binaryStalled;          // none of them has come since the last heartbeat
  EndReason ending;            // why it is closed; valid if closing
  std::uint16_t shard;
  std::uint16_t mailSlot;  // the slot of the mailbox it was last posted to
  WorkerId poster;
  WorkerId prober;              // has the WebSocket; valid while probingUntil is not 0
  std::uint32_t handover;       // number under which its owner has offered it to another process; 0: not offered
  Ref account;                  // AccountRecord; 0: its end is not logged
  AcksAsked acks;               // in "/"
  std::int64_t lastHeard;       // monotonic
  std::int64_t lastPing;        // monotonic
  std::int64_t connectBy;       // monotonic: the deadline for connecting to a namespace; 0: none
  std::int64_t probingUntil;    // monotonic: a WebSocket may upgrade the connection until then; 0: none
  std::int64_t upgradingUntil;  // monotonic: its probe was answered; polls end at once until then
  std::uint32_t pingInterval;   // milliseconds
  std::uint32_t pingTimeout;
  Realm realm;
  SecretHash secret;     // the client's, if the realm asks for one
  std::uint64_t client;  // its network, see Zone::clientOf()
  SeatRef seat;
  std::uint64_t cursor;     // next offset of the session's log to send
  std::uint64_t joinedAt;   // offset from which on it receives the session's events
  std::uint64_t ownBefore;  // after a recovery: below this offset its own user's joins and leaves are skipped
  ItemChain items;          // output that waits
  ItemChain parts;          // of an incomplete binary packet: the header, then attachments
  ItemChain auth;           // the data of CONNECT, as JSON
  Ref hashNext;
  Ref namespaces;                          // NamespaceRecord
  std::array<std::uint32_t, 6> allowance;  // kPolling: its rates, packed
  std::atomic<std::uint32_t> queued;       // in the owner's mailbox
  Ref mailNext;
  QueueLinks inUnsaved;
};
static_assert(sizeof(ConnectionRecord) <= 384, "a size class; there is one of these for each connection");

// The place of a lost connection.
struct LostSeat {
  Ref session = 0;  // 0: none
  Ref user = 0;
  std::uint16_t shard = 0;
  bool awaitingSnapshot = false;  // session_joined had not been sent
  std::uint64_t sessionSerial = 0;
  std::uint64_t userSerial = 0;
  std::uint64_t joinedAt = 0;
};

// A recovery: it exists as long as its connection, and for a while after its loss.
struct RecoveryRecord {
  RandomId pid;
  RandomId socketId;
  Ref hashNext;
  QueueLinks inQueue;        // of lost ones, oldest first
  std::uint8_t application;  // of its connection
  bool saved;                // in the state file, since its loss
  std::uint64_t identity;    // of the clients that may recover it, see returnRealm()
  ConnectionRef connection;  // ref 0: lost
  std::int64_t lostAt;       // monotonic
  LostSeat seat;             // its place, once it was lost

  Realm realm() const { return {identity, application, false}; }
};
static_assert(sizeof(RecoveryRecord) <= 128, "a size class; there is one of these for each lost connection");

struct ConnectionShard {
  ShardHeader header;
  Ref buckets;
  Ref recoveryBuckets;
  std::uint32_t bucketMask;
  std::uint32_t recoveryMask;
  std::atomic<std::uint32_t> connections;
  std::atomic<std::uint32_t> recoveries;
  std::array<std::atomic<std::uint32_t>, kConnectionKinds> kinds;  // connections, by kindOf()
  Queue lost;                                                      // recoveries of lost connections
  std::uint32_t lostCount;
  Queue unsaved;
};

}  // namespace mediasync::store
