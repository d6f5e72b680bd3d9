// One worker process at work on one zone: the connections it owns, what they send, what they are sent. Knows no NGINX;
// whoever calls it makes sure that flush() is called after each batch of callbacks, and wake(), runDeadlines() and
// tick() when they are due. No function throws.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

#include "core/api/admin.h"
#include "core/api/rest.h"
#include "core/api/timestamps.h"
#include "core/engineio/error.h"
#include "core/engineio/payload.h"
#include "core/engineio/payload_v3.h"
#include "core/server/application.h"
#include "core/server/batch.h"
#include "core/server/channel.h"
#include "core/server/compressor.h"
#include "core/server/confirmation.h"
#include "core/server/environment.h"
#include "core/server/link.h"
#include "core/server/offset.h"
#include "core/server/options.h"
#include "core/server/scripts.h"
#include "core/session/command.h"
#include "core/session/refusal.h"
#include "core/socketio/plain_event.h"
#include "core/store/recovery_table.h"
#include "core/store/session_transaction.h"
#include "core/store/zone.h"

namespace mediasync::engineio {
class PayloadWriter;
}
namespace mediasync::server {
class Turn;
}

namespace mediasync::server {

// Packets that came with one POST, being worked off.
class PostJob {
 public:
  // `binary`: the content is application/octet-stream.
  PostJob(const store::RandomId& sid, std::string body, const Options& options, bool binary = false)
      : sid_(sid), body_(std::move(body)), binary_(binary), options_(options) {}
  virtual ~PostJob() = default;
  PostJob(const PostJob&) = delete;
  PostJob& operator=(const PostJob&) = delete;

  // Called once, unless Worker::post answered by itself or the job was cancelled. The object may be gone afterwards.
  virtual void finished(std::optional<engineio::Error>) = 0;

 private:
  friend class Worker;
  store::RandomId sid_;
  std::string body_;
  bool binary_;
  Options options_;
  engineio::Protocol protocol_;
  std::variant<std::monostate, engineio::PayloadDecoder, engineio::PayloadV3Decoder> decoder_;
  store::ConnectionRef connection_;
  Allowance allowance_;
  store::Traffic traffic_;
  std::unique_ptr<Deferred> deferred_;
  std::int64_t waitingSince_ = 0;  // monotonic; 0: not waiting
  std::int64_t restsUntil_ = 0;    // monotonic: it has been sending too fast; 0: it does not rest
  std::int64_t restBy_ = 0;        // monotonic: then it has rested for long enough; 0: it has not yet
};

// A handshake found no place.
struct NoSpace {
  std::string_view reason;  // a sentence
  store::HandshakeRefusal why = store::HandshakeRefusal::kMemory;
};
inline constexpr NoSpace kConnectionsFull{"The server holds as many connections as it may",
                                          store::HandshakeRefusal::kConnections};
inline constexpr NoSpace kMemoryFull{"The server is out of memory for connections", store::HandshakeRefusal::kMemory};

struct RestReply {
  int status = 200;
  std::string body;
  std::string location;    // of what was created, percent-encoded, relative to the collection: "/ID"
  WriteTicket ticket = 0;  // to be sent when that is written
};

class Worker {
 public:
  // `cycle` counts configurations, as ZoneHeader::cycle does.
  Worker(const store::Zone&, std::uint16_t slot, store::ProcessId, Environment&, std::uint32_t cycle = 0);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // ---- life of the process
  // Ends every connection that cannot outlive the process, hands the others to the other workers, and signs off.
  void stop();
  bool stopped() const { return stopped_; }
  // What the zone will hold is with another NGINX, which is about to end: nobody can be served yet.
  bool awaitsState() const { return zone_.header().state.pending.load() != 0; }
  // Nobody is there to go on with what would be changed now: no newer configuration.
  bool isLast() const { return stopped_ && !isOutdated(); }
  // There are POSTs whose commands wait, of which some may have come since stop(). They are answered within some
  // seconds, if runDeadlines() is called until then.
  bool hasWaitingPosts() const { return !waitingJobs_.empty(); }

  // ---- the handover of WebSockets to the workers of a newer configuration
  // There are, or soon will be, such workers.
  bool isOutdated() const { return zone_.header().cycle.load() > cycle_; }
  // The process does not serve for much longer: gives away as many WebSockets as are ready for it, and sends other
  // clients away, a few at a time. To be called again and again; false when nothing is left to wait for, or it has
  // taken too long, and stop() is due.
  bool retire();
  // This process can be given WebSockets.
  void takeHandovers();
  // A WebSocket that another worker has given away, with its `parcel`. Null: it is none of this worker's business.
  std::unique_ptr<Channel> adopt(std::string_view parcel, WebSocket&, const Options&, bool knowsUsers = false);
  // This process cannot have it: whoever gave it keeps it.
  void decline(std::string_view parcel);

  // ---- the event loop
  void flush();
  void wake();
  // `lateBy`: milliseconds that it is called later than it should be.
  void tick(std::int64_t lateBy = 0);
  // Milliseconds until tick() should be called again.
  std::int64_t tickDelay() const;
  // When runDeadlines() is due next, monotonic milliseconds.
  std::int64_t nextDeadline() const;
  void runDeadlines();

  // ---- Engine.IO over HTTP
  // A polling handshake.
  struct Opened {
    std::string sid;
    engineio::Payload payload;  // to answer with
  };
  std::variant<Opened, NoSpace> open(const Options&, engineio::Protocol = {}, const Newcomer& = {});
  enum class PollOutcome { kWaits, kAnswered, kRefused };
  struct PollResult {
    PollOutcome outcome;
    engineio::Payload payload;                             // kAnswered
    engineio::Error error = engineio::Error::kUnknownSid;  // kRefused
  };
  // A poll. When it waits, `poll` is kept until it is answered or abandon() is called.
  PollResult poll(const store::RandomId& sid, Poll& poll, const Options&);
  void abandon(const store::RandomId& sid, Poll& poll);
  // Works off the packets of a POST. nullopt: a command waits, and job.finished() will be called; a job that is given
  // up before that must be cancelled.
  struct PostResult {
    std::optional<engineio::Error> error;
  };
  std::optional<PostResult> post(PostJob& job);
  void cancel(PostJob& job);

  // ---- Engine.IO over WebSocket
  // A WebSocket without a sid: a new connection.
  std::variant<std::unique_ptr<Channel>, NoSpace> openChannel(WebSocket&, const Options&, const Agreement& = {},
                                                              const Newcomer& = {});
  // A WebSocket for a polling connection: an upgrade. The error answers the HTTP request. When the connection is, or is
  // being, upgraded already, the WebSocket is closed as soon as it is open.
  std::variant<std::unique_ptr<Channel>, engineio::Error> probeChannel(const store::RandomId& sid, WebSocket&,
                                                                       const Options&, const Agreement& = {});
  // There are about to be bytes from the peer.
  static void expectInput(const Channel&);
  // Bytes from the peer. They are worked off or kept; `bytes` is written to (unmasked in place).
  void received(Channel&, std::span<std::uint8_t> bytes);
  void writable(Channel&);
  // The connection is gone. The caller may destroy the channel afterwards.
  void gone(Channel&, store::EndReason = store::EndReason::kTransportClose);
  // The process is about to end: says goodbye.
  void goAway(Channel&);

  // ---- REST
  RestReply createSession(const api::CreateSession&, const Options&, const Newcomer& = {});
  RestReply showSession(std::string_view sessionId, const Options&);
  // Whether the user is connected to the session, and the session has loaded what `path` is, or is part of. The path is
  // one that NGINX has decoded and normalised.
  bool isMember(std::string_view sessionId, std::string_view userId, std::string_view path);
  RestReply listSessions(const api::ListQuery&, const Options&) const;

  // ---- what an admin asks for
  RestReply administer(const api::AdminCommand&, const Options&);

  // ---- what scripts ask for
  // Some of their questions have been answered.
  void scriptsAnswered();
  // What scripts listen to has changed.
  void listenToNotices();
  // Does what they say: `operation` with a JSON object. Returns one: {"ok":true,"result":…} or
  // {"ok":false,"code":…,"message":…}.
  std::string call(std::string_view operation, const nlohmann::json& arguments);

  // ---- answers that wait for the state file
  bool isWritten(WriteTicket) const;
  // Kept until it is called or cancelled.
  void await(WriteTicket, Confirmation&);
  void cancel(Confirmation&);

  const store::Zone& zone() const { return zone_; }
  store::WorkerCounters& counters() { return *counters_; }
  // REST has answered with that status.
  void countRest(unsigned status);
  // Something was refused since the zone has no memory left: the operator is told, once in a while.
  void noteFull();

  // ---- what applications ask for
  // Sends one Engine.IO packet as text ("4hello"), or one message of raw bytes.
  void reply(Caller&, std::string_view packet);
  void replyBinary(Caller&, std::string_view bytes);
  // Nothing else comes in between.
  void reply(Caller&, std::string_view packet, const std::vector<std::string>& attachments);
  // Carries out an event of the API.
  Handled command(Caller&, const socketio::Packet&);
  Handled command(Caller&, const socketio::PlainEvent&);
  Handled refuseBinary(Caller&, const socketio::Packet&, const session::Refusal&);
  // A number for an acknowledgement that is asked of the client; whether that was asked for, which counts once. Its
  // upper bits are `tag`, of up to kAckTagBits, for the application to know what was asked by, whichever worker is
  // told.
  static constexpr unsigned kAckTagBits = 20;
  std::uint64_t newAckId(const store::ConnectionRef&, std::string_view nsp, std::uint32_t tag = 0);
  bool takeAckId(const Caller&, std::string_view nsp, std::uint64_t id);
  static std::uint32_t tagOf(std::uint64_t ackId) { return static_cast<std::uint32_t>(ackId >> 32); }

  // The operator's scripts. What they fail to answer, in time or at all, is answered here. nullopt: there is no answer
  // yet, and the packet has to wait.
  std::optional<Verdict> consultConnect(Caller&, std::string_view nsp, const nlohmann::json& auth);
  bool connectsTooOften(const Caller&);
  void chargeConnect(const Caller&);
  bool scriptsHave(const Caller&, std::string_view nsp);
  bool isForScripts(const Caller&, const socketio::Packet&);
  bool scriptsTakeBinary(const Caller&, const socketio::Packet&);
  Handled scriptEvent(Caller&, const socketio::Packet&, const std::vector<std::string>& attachments);
  void tellAnswer(const Caller&, const socketio::Packet&, const std::vector<std::string>& attachments);

  // Namespaces of a connection. `connect` is false when the connection is there already, or gone; it throws OutOfSpace.
  bool isConnected(const Caller&, std::string_view nsp);
  struct Connecting {
    store::RandomId socketId{};
    std::optional<store::RandomId> pid;  // the connection can be recovered
    std::string auth;                    // as JSON, empty when there is none
    std::optional<SecretHash> secret;    // of the client, where the location asks for one
  };
  enum class Connected { kDone, kAlready, kNoSpace, kGone };
  Connected connectMain(Caller&, const Connecting&);
  Connected connectOther(Caller&, std::string_view nsp, const store::RandomId& socketId);
  void disconnectMain(Caller&);
  void disconnectOther(Caller&, std::string_view nsp);

  // Packets with attachments. They are kept, if they may have any bytes with the packet, and given by attachment() when
  // the last has come. False: they are not kept, but skipped. kTooLong: from here on they are; `packet` is what they
  // were of.
  bool awaitsAttachments(const Caller&);
  bool expectAttachments(Caller&, std::uint32_t count, std::string_view packet, std::size_t maxBytes);
  struct Assembled {
    std::string packet;
    std::vector<std::string> attachments;
    std::size_t size() const;  // bytes of all
  };
  enum class Attached { kMore, kAssembled, kTooLong, kRefused };
  Attached attachment(Caller&, std::string_view bytes, Assembled&);

  // What a client shows to be who it says it is: `given`, or else what its connection came with. nullopt: the location
  // does not ask for it.
  std::optional<SecretHash> secretOf(const Caller&, std::optional<std::string_view> given);

  // Recovery of lost connections.
  struct Claim {
    store::RandomId pid{};
    store::RandomId socketId{};
    store::LostSeat seat;
    std::uint64_t client = 0;    // as of Leftover, where it was taken over
    std::uint32_t logBytes = 0;
  };
  bool canRecover(const Caller&) const;
  // What the client with that pid had belongs to this connection from now on. Only who shows the same secret has a
  // claim.
  std::optional<Claim> claim(const Caller&, const store::RandomId& pid, const Connecting&);
  // Puts the connection where the client was, sends `answer`, and then what it has missed. False: that is not possible
  // any more, and nothing has happened. Throws store::Busy when readers must catch up first.
  bool comeBack(Caller&, const Claim&, const Connecting&, std::optional<Offset>, std::string_view answer);
  // Lets the connection be found by a new pid. False: no space.
  bool makeRecoverable(const Caller&, const store::RandomId& pid, const Connecting&);
  void forgetRecovery(const store::RandomId& pid, const store::ConnectionRef&);
  void forgetClaim(const Caller&, const Claim&);

  store::RandomId randomId();

 private:
  // links.cc: what the worker owns
  Link& own(store::ConnectionTransaction&, const Options&, Instant now);
  Link* linkOf(store::Ref connection);
  Link* linkOf(const store::ConnectionRef&);
  static bool isInStep(const Link&, const store::ConnectionRecord&);
  void syncSeat(Link&, const store::ConnectionRecord&);
  void enterRoom(Link&, std::uint64_t cursor, std::uint64_t head = 0);
  void leaveRoom(Link&);
  void watch(Room&);
  void doom(Link&);
  void endDoomed();
  void letGo(Link&);
  void disown(Link&);
  void closedByClient(Link&);
  void closeLink(Link&, const Ending&);
  void sendToOthers(Link&);
  void dropConnection(Link&, const Ending&);
  store::LostSeat loseSeat(store::ConnectionTransaction&, Instant now, Departure = Departure::kOwn);
  void setDeadline(Link&, std::int64_t at);
  void watchFor(Link&, Instant now);
  void syncHeartbeat(Link&, const store::ConnectionRecord&);
  void onDeadline(Link&, Instant now);
  bool connectOverdue(Link&, std::int64_t now);
  void sendPing(Link&, Instant now);
  void checkPong(Link&, Instant now);

  // sending.cc: bytes to one connection
  void send(Link&, std::string_view packet);
  void sendBinary(Link&, std::string_view bytes);
  void endPoll(Link&, std::string_view packet);
  void sendRaw(Link&, std::string_view frames);
  void lendBuffer(Link&);
  void takeBackBuffer(Link&);
  void uncork(Link&);
  void sendSnapshot(Link&, store::ItemKind);
  void answerPoll(Link&);
  enum class Collected { kNothing, kPayload, kLost };
  Collected collect(Link&, engineio::Payload& payload);
  struct Harvest;
  Collected harvest(Link&, Harvest&);
  void harvestSeat(Link&, store::ConnectionTransaction&, Harvest&);
  void appendEvents(Link&, const Harvest&, engineio::PayloadWriter&);
  void appendHarvest(Link&, const Harvest&, engineio::PayloadWriter&);
  void appendItem(Link&, const Harvest&, const store::WaitingItem&, engineio::PayloadWriter&);
  void takeSnapshot(const Link&, const store::SessionTransaction&, store::Snapshot&);
  std::string snapshotPacket(const Link&, store::ItemKind, const store::Snapshot&, std::string_view userId);
  static void dropRoster(Room&, Instant now);

  // delivery.cc: broadcasts
  void announce(Room&);
  bool isUrgent(const Room&);
  void deliver(Room&);
  void deliverDue(std::int64_t now);
  bool pull(Room&);
  void deliverBatch(Room&);
  void deliverTo(Link&);
  std::size_t writeEvents(Link&, const EncodedBatch&, std::uint64_t from);
  void overrun(Link&);
  void fallBehind(Link&);
  void catchUp(Link&);
  void caughtUp(Link&);
  void needsChanged(Room&);
  void publishNeeds();
  void publishNeeds(Room&);
  bool isHeld(const store::SessionRecord&, std::uint64_t needed) const;
  bool mayHold(Room&, store::SessionRecord&, bool holds);
  void checkSeats(Room&);
  bool isSeated(const Link&);
  void unseat(Link&);
  bool sendSome(Link&, std::uint64_t newestSync);
  std::string seatUserId(const Link&);

  // channel.cc
  void process(Channel&, std::span<std::uint8_t> bytes);
  bool handleMessage(Channel&, const websocket::Message&);
  void prefetchSeat(const Link&) const;
  bool handleProbe(Channel&, std::string_view text);
  bool completeUpgrade(Channel&);
  void sendMissed(Link&);
  void sendFirst(Link&, const std::vector<store::WaitingItem>&);
  void sendItems(Link&, const std::vector<store::WaitingItem>&);
  bool inflate(Channel&, websocket::Message&, Turn&);
  void restFor(Channel&, std::int64_t ms);
  void endRests(std::int64_t now);
  bool handlePacket(Channel&, const engineio::Packet&);
  bool handleHeartbeat(Link&, const engineio::Packet&);
  void forget(Channel&);
  void resumeInput(Channel&);
  void failChannel(Channel&, const Ending&);
  void keepInput(Channel&, std::span<const std::uint8_t>);

  // polling.cc
  NoSpace turnAway(NoSpace);
  std::optional<NoSpace> checkRoom(const Options&);
  void create(store::ConnectionTransaction&, const store::RandomId& sid, store::Transport, const Options&,
              engineio::Protocol, const Newcomer&, Instant now);
  store::Realm realmOf(const Options&) const;
  bool findConnection(store::ConnectionTransaction&, const store::RandomId& sid, const Options&);
  static bool isOverdue(const store::ConnectionRecord&, std::int64_t now);
  PollResult lastPoll(store::ConnectionTransaction&, const Options&);
  std::optional<PostResult> runPost(PostJob&);
  std::optional<engineio::Error> beginPost(PostJob&);
  void endPost(PostJob&);
  Handled handlePacket(PostJob&, const engineio::Packet&);
  std::optional<PostResult> wait(PostJob&);
  std::optional<PostResult> restFor(PostJob&, std::int64_t ms);
  bool isBacklogged(PostJob&);
  static bool isAtEnd(const PostJob&);
  engineio::PayloadDecoder::Result nextPacket(PostJob&, engineio::Packet&);
  void noteHeard(PostJob&);
  static void markClosing(store::ConnectionTransaction&, store::Closing, store::EndReason);
  void closeFromAfar(const store::ConnectionRef&, store::Closing, store::EndReason, const store::Traffic& = {});
  void closeFromAfar(PostJob&, store::Closing, store::EndReason);

  // handover.cc
  struct Parcel;
  struct Contents;
  bool isOvertaken() const;
  void findSuccessors();
  bool isReadyToGo(const Link&) const;
  static bool mustReconnect(const Link&);
  void giveAwayAll(const std::vector<store::ConnectionRef>& sockets);
  bool giveAway(Link&);
  void spreadDepartures(std::vector<Link*>, Instant now);
  void sendAway(Link&, Instant now);
  std::string pack(const Link&, std::uint32_t ticket) const;
  static bool unpack(std::string_view bytes, Parcel&, Contents&);
  bool markOffered(const Link&, std::uint32_t ticket);
  void suspend(Link&, std::uint32_t ticket);
  void takeBack(Link&);
  void resumeHeartbeat(Link&, std::int64_t at, Instant now);
  void declined(Link&);
  void setAlarm(Link&, std::int64_t at);

  // namespaces.cc
  void beginConnectTime(store::ConnectionTransaction&, const Options&);
  void awaitConnect(Link&, std::int64_t connectBy);
  void seatChanged(Caller&, store::ConnectionTransaction&);

  // recovery.cc
  struct Leftover {
    bool recoverable = false;
    bool isStale = false;  // the user was taken out of the session meanwhile, which the client has not heard
    store::RandomId pid{};
    store::ConnectionRef connection;
    store::LostSeat seat;
    std::uint64_t client = 0;    // whose connection it was
    std::uint32_t logBytes = 0;  // that its session keeps for the time in which it may come back, when all have gone
  };
  Leftover vacate(store::ConnectionTransaction&, Instant now, Departure = Departure::kOwn);
  Leftover endConnection(store::ConnectionTransaction&, Instant now, Departure, Ending, const Link*);
  void keepForRecovery(const Leftover&, Instant now);
  std::uint32_t logLeftIn(const store::LostSeat&);
  void chargeForLog(const Leftover&, const Link&, Instant now);
  void chargeForLog(std::uint64_t client, std::uint32_t logBytes, const Options&, Instant now);
  bool awaitsConnect(const Caller&);
  std::optional<Leftover> takeOver(const store::ConnectionRef&, const store::RandomId& pid);
  void unclaim(const Caller&, const Claim&);
  store::Realm returnRealm(const Caller&, const Connecting&) const;
  struct Return;
  bool findReturn(store::SessionTransaction&, const Claim&, std::optional<Offset>, Return&);
  bool retake(Caller&, const Claim&, const Connecting&, std::optional<Offset>, std::string_view answer, Return&);
  void enterAgain(Caller&, const Return&, std::string_view answer);
  void expireRecoveries(std::uint32_t shard, Instant now);
  void findStrandedRecoveries();
  void forgetStrandedRecoveries();
  bool isRecoverable(const store::RandomId& pid, const store::ConnectionRef&);

  // commands.cc
  struct Request;
  class CommandTimer;
  void countCommand();
  Handled run(Request&, const std::variant<session::Command, session::Refusal>&);
  void handle(Request&, const session::JoinSession&);
  void handle(Request&, const session::LeaveSession&);
  void handle(Request&, const session::SyncPlayback&);
  void handle(Request&, const session::LoadMedia&);
  void handle(Request&, const session::RequestLeadership&);
  void handle(Request&, const session::ReportDesync&);
  void handle(Request&, const session::Heartbeat&);
  void handle(Request&, const session::ReportBuffering&);
  std::optional<api::ProbeTimes> probeTimes(const Request&, const session::Heartbeat&);
  void handle(Request&, const session::RequestSessionState&);
  bool joinAgain(Request&, const session::JoinSession&, store::ConnectionTransaction&, bool* isLeader);
  void joinAnew(Request&, const session::JoinSession&, store::ConnectionTransaction&, bool* isLeader);
  template <class Rule>
  void inSession(Request&, Rule rule);
  void waitInLine(const Request&, bool isMinor) const;
  store::SeatRef seatOf(const Caller&) const;
  bool mustCollectFirst(store::ConnectionTransaction&);
  enum class Effect { kNone, kChange };
  void succeed(Request&, Effect);
  void replyState(Request&, store::ItemKind);
  void leaveFor(const store::ConnectionRef&, store::ItemKind, std::string_view text,
                const std::vector<std::string>& attachments = {});
  void refuse(Caller&, const session::Refusal&, std::string_view event, std::optional<std::uint64_t> ack,
              std::string_view nsp = "/");
  bool isTooFast(const Caller&);
  Handled refuseTooFast(Request&, const Rate&);
  bool joinsTooOften(const Caller&, const std::variant<session::Command, session::Refusal>&);
  void makePlace(Request&, std::string_view sessionId);
  void admitSession(Request&, std::uint64_t client);
  bool admitsSession(std::uint64_t client, const Rates&, Instant now);
  void sayTooMany(Instant now);
  bool isOneTooMany(const Options&) const;
  void checkReplies(const Request&);
  void chargeReply(const Request&);

  // attachments.cc
  Attached attachmentOf(Link&, std::string_view bytes, Assembled&);
  Attached attachmentOf(const store::ConnectionRef&, std::string_view bytes, Assembled&);
  static bool isBinaryStalled(Link&);
  static bool isBinaryStalled(store::ConnectionTransaction&);

  // hooks.cc, script_calls.cc
  nlohmann::json socketOf(const store::ConnectionRef&, std::string_view nsp, const Options&);
  Scripts* scriptsFor(const Caller&);
  template <class Text>
  std::optional<Verdict> consult(Caller&, Hook, Text text);
  std::optional<Verdict> consultCommand(Caller&, const socketio::Packet&);
  void acknowledge(Caller&, const socketio::Packet&, std::string_view data);
  static bool decodeAttachments(const nlohmann::json& object, const char* member, std::vector<std::string>&);
  void tellScripts();
  void tellDisconnected(const store::ConnectionTransaction&);
  static std::string handleOf(const store::ConnectionRef&);
  store::ConnectionRef connectionOf(const nlohmann::json& arguments);
  bool sendTo(const store::ConnectionRef&, std::string_view nsp, const Assembled&);
  bool tryLeave(store::ConnectionTransaction&, const Assembled&);
  std::size_t sendToEach(const std::vector<store::ConnectionRef>&, std::string_view nsp, const Assembled&);
  void addConnections(session::UserRef, std::vector<store::ConnectionRef>&);
  std::string emitEvent(const nlohmann::json& arguments);
  std::string emitToSession(const nlohmann::json& arguments, const std::string& event, std::string_view nsp,
                            const Assembled&);
  std::string emitToShard(const nlohmann::json& number, std::string_view nsp, const Assembled&);
  bool remove(const std::string& sessionId, const std::string& userId, const session::Refusal& why);
  std::string endSession(const nlohmann::json& arguments);
  std::string callSession(std::string_view operation, const nlohmann::json& arguments);

  // account.cc
  store::EndReason departureReason() const;
  void settleAccount(Link&);
  Ended endOf(const store::ConnectionTransaction&, Instant now, const Ending&, const Link*) const;
  void noteEnd(Ended);
  void nameSeat(const store::AccountRecord&, Ended&) const;
  void tellEnded();

  // admin.cc
  RestReply sendMessage(const api::AdminCommand&, const Options&);

  // confirmation.cc
  WriteTicket writeTicket() const;
  void await(WriteTicket);
  void confirm(Caller&, std::string packet);
  bool isUnconfirmedFull() const;
  void confirmWritten();
  void confirmUntil(WriteTicket);
  void confirmLate();
  void confirmAll();
  void replyTo(const store::ConnectionRef&, std::string_view packet);

  // sessions.cc
  friend class SessionPieces;
  struct Listed {
    std::deque<std::string> ids;
    std::vector<session::SessionSummary> sessions;
    std::uint64_t lastSerial = 0;  // in the bucket that was looked at last
    std::optional<api::ListPlace> next;
  };
  Listed listPage(const api::ListQuery&) const;
  bool addBucket(const store::SessionShard&, std::uint64_t bucket, std::uint64_t after, std::uint32_t limit,
                 Listed&) const;
  std::uint64_t countSessions(std::size_t seen) const;

  // housekeeping.cc
  void noteLag(Instant now, std::int64_t lateBy);
  void reportFull(Instant now);
  void sweep(Instant now);
  void reconcile(Instant now);
  void expireUsers(std::uint32_t shard, Instant now);
  store::Ref findExpired(const store::SessionShard&, Instant now) const;
  void expireSessions(std::uint32_t shard, Instant now);
  void dropLogs(std::uint32_t shard, Instant now);

  // eviction.cc
  struct Abandoned;
  Abandoned mostAbandoned(Instant now) const;
  bool evictOne(Instant now);
  bool evictOne(Instant now, int& steps);
  bool dismissOne(Instant now);
  bool evict(Instant now);
  template <class Act>
  void withRoom(Instant now, Act act);

  void reapDeadWorkers(Instant now);
  void passByStillWorkers(Instant now);
  void passBy(std::uint16_t slot);
  void showLife(Instant now);
  void reap(std::uint16_t slot, Instant now);
  void inherit(std::uint16_t slot, Instant now);
  bool isPredecessor(const store::WorkerId&, std::uint16_t slot) const;
  void adoptConnections(std::uint16_t slot, Instant now);
  void adoptConnection(const store::ConnectionRef&, std::uint16_t slot, Instant now);
  struct Watched {
    store::Ref session;
    std::uint64_t serial;
    store::Ref watcher;
  };
  template <class Matches>
  std::vector<Watched> watchedBy(std::uint32_t shard, Matches matches);
  void removeWatchers(std::uint16_t slot);
  void forwardMail(store::WorkerEntry& dead);
  void dropIdleWatchers();
  struct Seated {
    store::ConnectionRef connection;
    store::SeatRef seat;
  };
  std::vector<Seated> seatsOf(std::uint32_t shard);
  void reconcileSeats(Instant now);
  void lookAfterUnwatched();
  void lookAfterProbes();
  void recheckRooms();
  void recheckLink(store::Ref);
  void recheckConnections(std::uint32_t shard);
  void lookAfter(store::ConnectionTransaction&, Instant now);
  struct Waiting;
  std::vector<Waiting> takeWaiting();
  void retryWaiting();
  void noteWaiting(Deferred*);
  void logFailure();
  bool retry(Channel&);
  bool retry(PostJob&);
  void wakeOthers();
  void hearSignal();
  void takeSessionMail();
  void takeConnectionMail();
  void openMail(store::Ref);
  void fetchItems(Link&);
  std::vector<store::WaitingItem> takeNews(Link&, store::ConnectionTransaction&);
  void sendElsewhere(Link&);

  store::Zone zone_;
  store::WorkerId id_;
  store::WorkerCounters* counters_;  // in the zone
  Environment& env_;
  bool hasCommand_ = false;   // among the input at hand there was one
  std::int64_t inputAt_ = 0;  // wall clock, microseconds: when the input at hand was read; 0: there is none
  OptionsPool optionsPool_;
  std::unordered_map<store::Ref, std::unique_ptr<Link>> links_;
  std::unordered_map<store::Ref, std::unique_ptr<Room>> rooms_;  // by session
  Deadlines deadlines_;
  Compressor compressor_;
  std::string spareOut_;                   // empty; see lendBuffer()
  Batch batch_{compressor_};               // what a room is being sent
  Batch ownBatch_{compressor_};            // what one connection reads for itself
  Room* delivering_ = nullptr;             // whose events batch_ holds
  std::vector<store::Ref> waitingRooms_;   // sessions whose events wait for the next round
  std::vector<store::Ref> roomsWithNews_;  // sessions whose needs have changed
  store::WakeSet wake_;
  std::vector<Channel*> probing_;
  std::vector<Channel*> resting_;          // their input goes on when others have had their turn, or later
  std::vector<Channel*> waitingChannels_;  // a command of theirs waits
  std::vector<PostJob*> waitingJobs_;
  struct Unconfirmed {
    WriteTicket ticket;
    std::int64_t since;  // monotonic
    store::ConnectionRef connection;
    std::string packet;
  };
  std::deque<Unconfirmed> unconfirmed_;  // in the order of their tickets
  struct WaitingConfirmation {
    WriteTicket ticket;
    std::int64_t since;  // monotonic
    Confirmation* confirmation;
  };
  std::vector<WaitingConfirmation> confirmations_;
  std::uint32_t seenRepairs_ = 0;
  std::vector<std::pair<store::RandomId, store::ConnectionRef>> stranded_;
  std::uint32_t reconciling_ = 0;      // the count of repairs that is being reconciled
  std::int64_t reconcilingSince_ = 0;  // monotonic; 0: none is
  std::vector<store::ConnectionRef> doomed_;
  store::Notices notices_;          // that scripts have yet to be told
  std::vector<Ended> ended_;        // that have yet to be logged
  WaitsFor lastBusy_;               // what the command at hand has to wait for
  Line line_;                       // commands that wait for readers
  std::uint64_t waitingCount_ = 0;  // of all commands that have waited
  std::int64_t retryDelay_ = kRetryDelay;
  std::int64_t lastRetry_ = 0;         // monotonic
  std::int64_t evictionLoggedAt_ = 0;  // monotonic; 0: never
  std::int64_t tooManySaidAt_ = 0;     // the same
  std::uint64_t evictionsLogged_ = 0;  // of the counter
  std::uint32_t cycle_;
  std::vector<std::uint16_t> successors_;  // slots of workers that take WebSockets
  std::size_t nextSuccessor_;
  std::uint32_t tickets_ = 0;
  std::int64_t drainUntil_ = 0;   // monotonic: by then clients have been sent away; 0: the process is not about to end
  std::int64_t retireUntil_ = 0;  // monotonic: nobody is waited for any longer
  bool stopped_ = false;          // takes no more connections
  bool signedOff_ = false;        // its mailboxes are others' business
};

// The whole list of sessions as the body of one answer, made in pieces of at most ListQuery::kMaxLimit.
class SessionPieces {
 public:
  SessionPieces(const Worker& worker, api::TimestampUnit timestamps);
  bool isDone() const { return isDone_; }
  std::string next();  // until it is

 private:
  const Worker& worker_;
  api::TimestampUnit timestamps_;
  api::ListQuery query_;
  std::size_t seen_ = 0;
  bool begun_ = false;
  bool isDone_ = false;
};

}  // namespace mediasync::server
