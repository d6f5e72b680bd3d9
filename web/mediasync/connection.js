// One user's connection to a session over a Socket.IO client: joins again after every reconnect, keeps a copy of the session
// up to date, measures the clock, and says what changed.

import { probeDelay } from "./clock.js";
import { localNow } from "./numbers.js";

const kSilence = 20; // seconds; after which a follower asks whether the session is still as it was
const kRefreshMs = 300; // events in a burst cause one refresh
const kProbeLost = 10;
const kSleepCheckMs = 1000;
const kSlept = 0.5; // seconds that the two local clocks went apart
const kCommandMs = 100; // of commands in a burst, such as of a seek bar that is dragged, one in so many milliseconds is sent
const kAnswerLost = 2; // seconds
const kAssumed = ["sync_playback", "load_media"]; // commands that count here before the server has agreed
const kOutOfDate = ["NOT_LEADER", "LEADER_ACTIVE"]; // refusals that mean that this copy of the session is

// Servers may be configured to send integer milliseconds.
const isMilliseconds = (timestamp) => timestamp > 1e11;
const toSeconds = (timestamp) => (isMilliseconds(timestamp) ? timestamp / 1000 : timestamp);

// The server's answer to a connection that it does not take, as {status, message}; null when there is none. WebSockets don't say.
function refusalOf({ context }) {
  if (!context?.status) return null;
  let message = null;
  try {
    ({ message } = JSON.parse(context.responseText));
  } catch {
    // an answer of something that is in between
  }
  return { status: context.status, message };
}

// A film from its beginning.
const newFilm = (media, lastUpdateTime) =>
  ({ mediaId: null, mediaTitle: null, mediaDuration: null, ...media, position: 0, isPlaying: false, playbackRate: 1, lastUpdateTime });

// tell(type, detail): see the events of MediaSync. "playback" has {isNew: something was commanded}.
export class Connection {
  #socket;
  #clock;
  #me;
  #tell;
  #session = null;
  #joined = false;
  #joinedBefore = false;
  #hasLeft = false; // by another tab, or was put out; comes back when told to
  #listeners = [];
  #timers = {};
  #probes = new Map(); // number → local time of sending
  #probeCount = 0;
  #unit = 1;
  #outgoing = null; // a command that waits for the end of its burst
  #unanswered = 0; // commands
  #sentAt = 0;
  #heardAt = 0;
  #apart = Date.now() - performance.now();

  kernelRoundTrip = null; // seconds, as the server's kernel has measured it
  isPrecise = false; // the server has executeAt, precise stamps and report_buffering
  isAsking = false; // for a film that the server has not loaded yet, and may still refuse to give this user

  // me: what join_session is sent
  constructor(socket, me, clock, tell) {
    this.#socket = socket;
    this.#me = me;
    this.#clock = clock;
    this.#tell = tell;
    this.#listen();
    this.#timers.sleep = setInterval(() => this.#checkSleep(), kSleepCheckMs);
    if (socket.connected) queueMicrotask(() => this.#onConnect());
    else socket.connect();
  }

  get session() {
    return this.#session;
  }

  get isJoined() {
    return this.#joined;
  }

  get hasLeft() {
    return this.#hasLeft;
  }

  get isLeader() {
    return !this.#hasLeft && this.#session?.leaderId === this.#me.userId;
  }

  // Nothing is kept for later while the connection is down: joining again brings the state that counts.
  emit(event, ...data) {
    if (this.#joined && this.#outgoing) this.#sendPlayback(this.#outgoing);
    if (this.#joined) this.#socket.emit(event, ...data);
    return this.#joined;
  }

  // The command that was not sent before the connection was lost, or null.
  takeUnsent() {
    const unsent = this.#outgoing;
    this.#outgoing = null;
    return unsent;
  }

  // A playback state of the leader. Those that begin at another time than now say so. The last of a burst is always sent.
  sendPlayback(state) {
    this.#outgoing = state;
    if (this.#timers.command) return;
    this.#sendPlayback(state);
    this.#timers.command = setTimeout(() => this.#endBurst(), kCommandMs);
  }

  #endBurst() {
    this.#timers.command = null;
    if (this.#outgoing && this.#joined) this.sendPlayback(this.#outgoing);
  }

  #sendPlayback(state) {
    this.#outgoing = null;
    this.#unanswered += 1;
    this.#sentAt = localNow();
    const { position, isPlaying, playbackRate } = state;
    const sent = { position, isPlaying, playbackRate };
    if (isPlaying && this.#clock.isKnown) sent.executeAt = state.lastUpdateTime * this.#unit;
    this.emit("sync_playback", sent);
  }

  // A command takes effect here before the server has confirmed it.
  assume(playbackState) {
    Object.assign(this.#session.playbackState, playbackState);
  }

  loadMedia(media, lastUpdateTime) {
    if (!this.emit("load_media", media)) return false;
    this.assume(newFilm(media, lastUpdateTime));
    return (this.isAsking = true);
  }

  reconnect() {
    if (this.#joined) return;
    this.#hasLeft = false;
    if (this.#socket.connected) this.#onConnect();
    else this.#socket.connect();
  }

  // Takes the listeners away, and with `disconnect` the connection.
  close(disconnect) {
    if (this.#joined && this.#outgoing) this.#sendPlayback(this.#outgoing);
    for (const timer of Object.values(this.#timers)) clearTimeout(timer);
    for (const [event, handler] of this.#listeners) this.#socket.off(event, handler);
    this.#listeners = [];
    this.#joined = false;
    if (disconnect) this.#socket.disconnect();
  }

  #listen() {
    const handlers = {
      connect: () => this.#onConnect(),
      disconnect: (reason) => this.#onDisconnected(reason),
      connect_error: (error) => this.#onDisconnected(error.message, refusalOf(error)),
      session_joined: (data) => this.#onJoined(data),
      session_state: (data) => this.#onState(data),
      user_joined: (data) => this.#onUserJoined(data),
      user_left: (data) => this.#onUserLeft(data),
      user_buffering: (data) => this.#tell("buffering", data),
      leadership_changed: (data) => this.#onLeadershipChanged(data),
      playback_sync: (data) => this.#onPlaybackSync(data),
      media_loaded: (data) => this.#onMediaLoaded(data),
      desync_recovery: (data) => this.#takePlayback(data.authoritativeState, false),
      heartbeat_ack: (data) => this.#onHeartbeatAck(data, localNow()),
      error: (data) => this.#onError(data),
    };
    this.#listeners = Object.entries(handlers);
    for (const [event, handler] of this.#listeners) this.#socket.on(event, handler);
  }

  #onConnect() {
    if (this.#listeners.length === 0) return; // closed meanwhile
    this.#clock.reset();
    this.measure();
    if (!this.#hasLeft) this.#socket.emit("join_session", this.#me);
    this.#tell("connection", { state: "connected", reason: null });
  }

  #onDisconnected(reason, refusal = null) {
    this.#joined = false;
    clearTimeout(this.#timers.probe);
    this.#tell("connection", { state: this.#socket.active ? "reconnecting" : "closed", reason, refusal });
  }

  #onJoined({ session }) {
    const isFirst = !this.#joinedBefore;
    this.#joined = this.#joinedBefore = true;
    this.#unanswered = 0;
    this.#takeSession(session);
    this.#tell("joined", { isFirst });
    this.#tell("session");
    this.#tell("playback", { isNew: isFirst });
  }

  #onState(session) {
    this.#takeSession(session);
    this.#tell("session");
    this.#tell("playback", { isNew: false });
  }

  #takeSession(session) {
    this.isAsking = false;
    this.#session = { ...session, playbackState: this.#normalized(session.playbackState) };
  }

  #userOf(userId) {
    return this.#session?.users.find((user) => user.id === userId);
  }

  #onUserJoined({ userId, username, avatar }) {
    if (!this.#session) return;
    const known = this.#userOf(userId);
    if (known) Object.assign(known, { username, avatar, isConnected: true });
    else this.#session.users.push({ id: userId, username, avatar, isConnected: true });
    this.#tell("session");
    this.#refreshSoon();
  }

  // The event does not say whether the user left or is only away: the session's state does.
  #onUserLeft({ userId, username }) {
    if (userId === this.#me.userId) return this.#onLeft();
    const user = this.#userOf(userId);
    if (user) user.isConnected = false;
    this.#tell("buffering", { userId, username, isBuffering: false });
    this.#tell("session");
    this.#refreshSoon();
  }

  // This very user is in the session no more.
  #onLeft() {
    if (!this.#joined) return;
    this.#joined = false;
    this.#hasLeft = true;
    this.#outgoing = null;
    this.#tell("left");
  }

  #onLeadershipChanged(data) {
    if (!this.#session) return;
    this.#session.leaderId = data.newLeaderId;
    this.#tell("session");
    this.#tell("leader", data);
  }

  // Other libraries' errors are texts.
  #onError(data) {
    if (typeof data !== "object") return;
    this.#tell("refused", data);
    if (data.event === "sync_playback") this.#isLastAnswer();
    if (data.code === "NOT_IN_SESSION") this.#onLeft();
    // A refused command has taken effect here already.
    else if (kOutOfDate.includes(data.code) || kAssumed.includes(data.event)) this.#refreshSoon();
  }

  // A leader who is back within the grace is not announced; that it speaks is the sign.
  #onPlaybackSync({ leaderId, executeAt, ...state }) {
    const leader = this.#userOf(leaderId);
    if (leader && !leader.isConnected) {
      leader.isConnected = true;
      this.#tell("session");
    }
    // The echo of an own command is older than the commands that were given since.
    if (leaderId !== this.#me.userId || this.#isLastAnswer()) this.#takePlayback(state, true);
  }

  #isLastAnswer() {
    this.#unanswered = localNow() - this.#sentAt > kAnswerLost ? 0 : Math.max(0, this.#unanswered - 1);
    return this.#unanswered === 0 && !this.#outgoing;
  }

  #onMediaLoaded({ timestamp, loadedBy, ...media }) {
    this.isAsking = false;
    this.#takePlayback(newFilm(media, timestamp), true);
    this.#tell("session");
  }

  #takePlayback({ timestamp, ...state }, isNew) {
    if (!this.#session) return;
    this.#session.playbackState = this.#normalized({ ...this.#session.playbackState, ...state });
    this.#tell("playback", { isNew });
  }

  #normalized(state) {
    this.#heardAt = localNow();
    this.#unit = isMilliseconds(state.lastUpdateTime) ? 1000 : 1;
    const lastUpdateTime = toSeconds(state.lastUpdateTime);
    this.#clock.guess(lastUpdateTime, localNow());
    return { ...state, lastUpdateTime };
  }

  #refreshSoon() {
    clearTimeout(this.#timers.refresh);
    this.#timers.refresh = setTimeout(() => this.emit("request_session_state"), kRefreshMs * (1 + Math.random()));
  }

  // --- the clock

  // Asks for the time, often at first: the path may be a new one.
  measure() {
    this.#probes.clear();
    this.#probeCount = 0;
    this.#probe();
  }

  #probe() {
    clearTimeout(this.#timers.probe);
    if (!this.#socket.connected) return;
    const now = localNow();
    for (const [number, sentAt] of this.#probes) if (now - sentAt > kProbeLost) this.#probes.delete(number);
    // A server that does not repeat the number is asked one at a time, so that it is clear what it answers.
    if (this.isPrecise || this.#probes.size === 0) {
      this.#probes.set(++this.#probeCount, now);
      this.#socket.emit("heartbeat", { probe: this.#probeCount });
    }
    this.#checkSilence(now);
    const delay = probeDelay(this.#probeCount, this.#clock.jitter);
    this.#timers.probe = setTimeout(() => this.#probe(), delay * 1000);
  }

  #onHeartbeatAck({ timestamp, probe, receivedAt, sentAt, roundTrip }, now) {
    this.isPrecise = receivedAt !== undefined;
    const number = probe ?? this.#probes.keys().next().value;
    const probeSentAt = this.#probes.get(number);
    this.#probes.delete(number);
    if (probeSentAt === undefined) return;
    this.kernelRoundTrip = roundTrip ?? null;
    const { steps } = this.#clock;
    this.#clock.add({
      sentAt: probeSentAt,
      receivedAt: now,
      serverReceivedAt: toSeconds(receivedAt ?? timestamp),
      serverSentAt: toSeconds(sentAt ?? timestamp),
    });
    if (this.#clock.steps > steps) this.emit("request_session_state"); // the state is by the clock before
  }

  #checkSilence(now) {
    if (!this.#session?.playbackState.isPlaying || this.isLeader || now - this.#heardAt < kSilence) return;
    this.#heardAt = now;
    this.emit("request_session_state");
  }

  // While a machine sleeps performance.now may stand still, and Date.now does not.
  #checkSleep() {
    const apart = Date.now() - performance.now();
    if (Math.abs(apart - this.#apart) > kSlept * 1000) {
      this.#clock.forget();
      this.measure();
      this.emit("request_session_state");
    }
    this.#apart = apart;
  }
}
