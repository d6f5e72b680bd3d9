// The records of the shared tables. All trivially copyable, all references are Refs.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "core/base/secret.h"
#include "core/base/token_bucket.h"
#include "core/session/command.h"
#include "core/session/playback.h"
#include "core/session/state.h"
#include "core/store/memory.h"
#include "core/store/ending.h"

namespace mediasync::store {

inline constexpr std::size_t kMaxWorkers = 512;  // slots of the process table that may hold a worker

// A worker process of one generation. A respawned worker in the same slot has another generation.
struct WorkerId {
  std::uint16_t slot = 0;
  std::uint32_t generation = 0;
  friend bool operator==(const WorkerId&, const WorkerId&) = default;
};

// ---- sessions, in session shards ----

// Part of a session's log: events one behind the other, each with an EventHeader.
struct LogChunk {
  Ref next;
  std::uint32_t capacity;  // bytes for events
  std::uint32_t used;
  std::uint32_t count;     // events in it
  std::uint64_t firstSeq;  // offset of the first event
  // events follow
};

struct EventHeader {
  std::uint32_t size;    // of the event's bytes, padding to 8 not included
  std::uint32_t isSync;  // a playback_sync, which a newer one supersedes
};

// Offsets count events from 1 and grow for ever. The log holds [firstSeq, nextSeq). Where nobody can need it, it has no
// chunk.
struct SessionLog {
  std::uint64_t firstSeq;
  std::uint64_t nextSeq;
  std::uint64_t lastSyncSeq;  // of the newest playback_sync
  std::uint64_t lostSeq;      // newest event that was dropped and not superseded; 0: none
  Ref firstChunk;
  Ref lastChunk;
  std::uint32_t bytes;  // of all chunks, headers included
};

// A worker that holds connections of a session. Doubles as the note that wakes it: `queued` and `mailNext` belong to
// the worker's mailbox.
struct SessionWatcher {
  Ref next;  // of the same session
  Ref session;
  std::uint64_t sessionSerial;
  WorkerId worker;
  std::uint16_t shard;
  std::atomic<std::uint64_t> needed;  // the worker's readers have everything before this offset
  std::atomic<std::uint32_t> queued;
  Ref mailNext;
};

// SessionWatcher::needed of a worker whose readers nobody waits for, or that has none.
inline constexpr std::uint64_t kNothingNeeded = UINT64_MAX;

struct UserRecord {
  std::uint64_t serial;
  std::uint64_t hash;
  Ref hashNext;
  Ref session;
  QueueLinks inSession;  // in the order of joining
  QueueLinks inQueue;    // grace or away
  SharedText id;
  SharedText username;
  SharedText avatar;         // ref 0: none
  std::int64_t joinedAt;     // wall
  std::int64_t lastSeen;     // wall
  std::int64_t absentSince;  // monotonic; of one whom the server sent away, a little later
  Ref firstMembership;
  std::uint8_t connections;
  session::Presence presence;
  bool queuedForTime;
  bool isLate;      // in the queue of late graces
  bool bound;       // to `secret`, which its clients must show
  bool stallKnown;  // it has reported `stall` since it joined
  session::Stall stall;
  TokenBucket events;  // that it may send
  SecretHash secret;   // meaningful when bound
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

// Changes of a session that are not in the state file. Each kind has those before it.
enum class Unsaved : std::uint8_t {
  kNothing,
  kHead,   // all but the users
  kUsers,  // the users as well
};

struct SessionRecord {
  std::uint64_t serial;
  std::uint64_t hash;
  Ref hashNext;
  QueueLinks all;       // every session of the shard
  QueueLinks inIdle;    // sessions without a connection, by idleSince
  QueueLinks inLogged;  // of these, those that have a log
  QueueLinks inVacant;  // of these, those without a user, which have been so for longest first
  bool idle;
  bool logged;
  bool vacant;
  bool ending;  // cannot be found any more, and is being taken apart
  SharedText id;
  SharedText creatorId;
  SharedText leaderId;
  SharedText mediaUrl;
  SharedText mediaId;
  SharedText mediaTitle;
  session::PlaybackClock clock;
  std::int64_t createdAt;     // wall
  std::int64_t lastActivity;  // wall
  std::int64_t idleSince;     // monotonic
  std::uint32_t userCount;
  std::uint32_t connectedCount;
  std::uint32_t connectionCount;
  TokenBucket joins;  // that there may be
  Queue users;
  std::uint32_t rosterChanges;  // of what is shown of its users, but for newcomers, who are at the end
  std::uint32_t userTextBytes;  // of all its users
  Ref watchers;
  SessionLog log;
  // For members who read slowly, in milliseconds, and until when that has been counted, whatever workers they are at.
  // Written under the lock, and never noted.
  TokenBucket waits;
  std::int64_t waitedUntil;  // monotonic
  // What the state file has yet to be told of it, and the end of the log as the file knows it.
  QueueLinks inUnsaved;
  Unsaved unsaved;
  std::uint64_t savedEnd;
  // What it was called before it was read from a state file, and the end of its log then; 0: it was not.
  std::uint64_t formerSerial;
  std::uint64_t formerEnd;
};

// Sessions that have ended, for the state file. When there are more, a new snapshot does without them.
struct GoneSessions {
  static constexpr std::uint32_t kMost = 32;
  std::uint32_t count;  // kMost + 1: there were more
  std::uint64_t serials[kMost];
};

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
  Queue grace;      // users whose grace runs, oldest first
  Queue lateGrace;  // more of them, who go before the last of those and came after it
  Queue away;       // users given up, oldest first
  Queue idle;       // sessions without a connection, oldest first
  Queue logged;
  Queue vacant;
  Queue unsaved;
  GoneSessions gone;
};

// ---- connections, in connection shards ----

using RandomId = std::array<std::uint8_t, 16>;

enum class Transport : std::uint8_t { kPolling, kWebSocket };

// Connections are counted by transport, and by whether they are of revision 3 of Engine.IO.
inline constexpr std::size_t kConnectionKinds = 4;
constexpr std::size_t kindOf(Transport transport, bool isOld) {
  return 2 * static_cast<std::size_t>(transport) + (isOld ? 1 : 0);
}

// Something to send to one connection, on whichever worker its next poll arrives.
enum class ItemKind : std::uint8_t {
  kPacket,         // an Engine.IO packet, as text
  kBinary,         // an Engine.IO message of raw bytes
  kRecovered,      // a packet that goes before the events of the session
  kSessionJoined,  // a session_joined with the state as it is when it is sent
  kSessionState,   // likewise a session_state
};

struct Item {
  Ref next;
  std::uint32_t size;
  ItemKind kind;
  bool continues;  // the text goes on in the next item
  // the text follows
};

// A snapshot is made when it is sent.
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

// Acknowledgements that were asked of a client, in one namespace. The last 64 questions can be answered, each once.
struct AcksAsked {
  std::uint64_t open;  // bit id % 64: not answered yet
  std::uint32_t next;  // the next one's id
};

// A Socket.IO namespace, other than "/", that a connection is connected to.
struct NamespaceRecord {
  Ref next;
  std::uint32_t size;
  AcksAsked acks;
  RandomId socketId;
  // the name follows
};

// Names a connection from within a process, without its sid.
struct ConnectionRef {
  Ref ref = 0;
  std::uint64_t serial = 0;
  std::uint16_t shard = 0;
};

// Where a connection stands in a session. `session` is 0 when it is in none.
struct SeatRef {
  Ref session = 0;
  Ref user = 0;
  Ref membership = 0;
  std::uint16_t shard = 0;
  std::uint64_t sessionSerial = 0;
  std::uint64_t membershipSerial = 0;
  explicit operator bool() const { return session != 0; }
};

// Whether and why a connection is to be closed; its owner has yet to take note.
enum class Closing : std::uint8_t {
  kNo,
  kByClient,  // it said so
  kByServer,
};

// What a connection belongs to. From anywhere else it can neither be used nor recovered.
struct Realm {
  std::uint64_t identity = 0;    // keyed hash of whom NGINX says its client is; 0: nobody has been asked
  std::uint8_t application = 0;  // what it talks to
  bool asksSecret = false;       // its users are bound to secrets
  friend bool operator==(const Realm&, const Realm&) = default;
};

// What is lost belongs to whom NGINX knows, or to who shows the same secret again: it takes the place of the identity.
inline Realm returnRealm(Realm realm, const SecretHash& secret) {
  if (!realm.asksSecret) return realm;
  realm.asksSecret = false;
  std::memcpy(&realm.identity, secret.data(), sizeof realm.identity);
  realm.identity |= 1;  // never that of nobody
  return realm;
}

// The address of a client. A host's is 4 or 16 bytes long; 0: a UNIX-domain socket, or not known.
struct Address {
  std::array<std::uint8_t, 16> bytes{};
  std::uint8_t size = 0;
  friend bool operator==(const Address&, const Address&) = default;
};

// The traffic of a connection: packets of Engine.IO, and the bytes of frames or bodies that they came in.
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

// An account of a connection is kept for the operator's log, which gets it when the connection ends. The owner of a
// WebSocket counts its traffic.
struct AccountRecord {
  std::uint64_t location;  // whose log it is, as Options::log
  std::int64_t since;      // monotonic
  Traffic polled;
  // The seat that it had last; session 0: it had none.
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
  RandomId pid;       // under which it may be recovered; meaningful when recoverable
  WorkerId owner;
  Transport transport;
  std::uint8_t revision;    // of Engine.IO
  bool base64;              // takes binary messages as text only
  bool namespaceConnected;  // to "/"
  bool recoverable;         // events go out with their offsets
  bool pingDue;             // the next poll is to be answered with a ping
  bool pollWaiting;         // the owner holds a poll
  bool posting;             // a POST is being worked on
  bool awaitingSnapshot;    // in a session, but session_joined has not been sent
  bool evicted;             // its user left by another connection, and it has not joined since
  bool overrun;             // too much was waiting to be sent
  Closing closing;
  bool unsaved;                // where it can come back to has yet to be told to the state file
  bool dead;                   // gone, but still in a worker's mailbox, which frees it
  std::uint8_t timestampUnit;  // of the location it came by
  std::uint8_t binaryLeft;     // attachments still to come of a packet
  bool binaryStalled;          // none of them has come since the last heartbeat
  EndReason ending;            // why it is to be closed; meaningful when closing
  std::uint16_t shard;
  std::uint16_t mailSlot;  // whose mailbox it was posted to last
  WorkerId poster;
  WorkerId prober;              // has the WebSocket; meaningful while probingUntil is not 0
  std::uint32_t handover;       // its owner has offered it to another process under this number; 0: it has not
  Ref account;                  // AccountRecord; 0: its end is not logged
  AcksAsked acks;               // in "/"
  std::int64_t lastHeard;       // monotonic
  std::int64_t lastPing;        // monotonic
  std::int64_t connectBy;       // monotonic: by then it must be connected to a namespace; 0: for ever
  std::int64_t probingUntil;    // monotonic: a WebSocket is there to upgrade the connection; 0: none
  std::int64_t upgradingUntil;  // monotonic: its probe has been answered; polls end at once until then
  std::uint32_t pingInterval;   // milliseconds
  std::uint32_t pingTimeout;
  Realm realm;
  SecretHash secret;     // of its client, where the realm asks for one
  std::uint64_t client;  // whose network it came from, see Zone::clientOf()
  SeatRef seat;
  std::uint64_t cursor;     // next offset of the session's log to send
  std::uint64_t joinedAt;   // offset from which the session's events are its business
  std::uint64_t ownBefore;  // after a recovery: below this offset, its user's own coming and going is not told
  ItemChain items;          // to be sent
  ItemChain parts;          // of a binary packet that is still coming in: the header, then attachments
  ItemChain auth;           // what came with CONNECT, as JSON
  Ref hashNext;
  Ref namespaces;                          // NamespaceRecord
  std::array<std::uint32_t, 6> allowance;  // kPolling: what it may send, packed
  std::atomic<std::uint32_t> queued;       // in the owner's mailbox
  Ref mailNext;
  QueueLinks inUnsaved;
};
static_assert(sizeof(ConnectionRecord) <= 384, "a size class; there is one of these for each connection");

// Where a lost connection was.
struct LostSeat {
  Ref session = 0;  // 0: in none
  Ref user = 0;
  std::uint16_t shard = 0;
  bool awaitingSnapshot = false;  // session_joined had not been sent
  std::uint64_t sessionSerial = 0;
  std::uint64_t userSerial = 0;
  std::uint64_t joinedAt = 0;
};

// What a client comes back to: lives as long as its connection, and for a while after that was lost.
struct RecoveryRecord {
  RandomId pid;
  RandomId socketId;
  Ref hashNext;
  QueueLinks inQueue;        // of those that are lost, oldest first
  std::uint8_t application;  // of its connection
  bool saved;                // in the state file, since it was lost
  std::uint64_t identity;    // of who may come back to it, see returnRealm()
  ConnectionRef connection;  // ref 0: lost
  std::int64_t lostAt;       // monotonic
  LostSeat seat;             // where it was, once it was lost

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
  Queue lost;                                                      // recoveries whose connection is gone
  std::uint32_t lostCount;
  Queue unsaved;
};

}  // namespace mediasync::store
