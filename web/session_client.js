// One user's connection to a session: joins again after every reconnect, keeps a copy of the session up to date from
// the server's events, and says what changed.

import { io } from "/vendor/socket.io.esm.min.js";
import { localSeconds, toSeconds } from "./server_clock.js";

const kHeartbeatMs = 30_000;
const kProbeBurst = 5; // round trips at the beginning, for the clock
const kProbeGapMs = 150;
const kSilenceMs = 8_000; // a playing leader repeats itself every 5 s; after this long, ask whether it is still there
const kRefreshMs = 300; // events in a burst cause one refresh

// Dispatches, with `detail`:
//   joined {reason: "first" | "again"}   after every session_joined
//   session                              users, leader or film changed; read .session
//   playback                             a new playback state; read .session.playbackState
//   leader {newLeaderId, newLeaderName}  the lead moved
//   connection {state, reason}           state: "connected", "reconnecting", "closed" (will not come back by itself)
//   refused {message, code, event}       the server refused something
export class SessionClient extends EventTarget {
  #socket;
  #clock;
  #me;
  #session = null;
  #joinedBefore = false;
  #joined = false;
  #probeSentAt = null;
  #timers = new Set();
  #refreshTimer = null;
  #lastHeardAt = 0;

  lastSync = null;

  // me: {sessionId, userId, username}
  constructor(me, clock) {
    super();
    this.#me = me;
    this.#clock = clock;
    this.#socket = io({ autoConnect: false });
    this.#listen();
    this.#every(kHeartbeatMs, () => this.#probe());
    this.#every(kSilenceMs / 2, () => this.#checkSilence());
    this.#socket.connect();
  }

  get session() {
    return this.#session;
  }

  get socketId() {
    return this.#socket.id ?? null;
  }

  get isJoined() {
    return this.#joined;
  }

  get isLeader() {
    return this.#session?.leaderId === this.#me.userId;
  }

  get leader() {
    return this.#session?.users.find((user) => user.id === this.#session.leaderId) ?? null;
  }

  sendPlayback({ position, isPlaying, playbackRate }) {
    const { mediaUrl, mediaId } = this.#session?.playbackState ?? {};
    const state = { position, isPlaying, playbackRate };
    if (mediaUrl) state.mediaUrl = mediaUrl;
    if (mediaId) state.mediaId = mediaId;
    this.#emit("sync_playback", state);
  }

  loadMedia(media) {
    this.#emit("load_media", media);
  }

  requestLeadership() {
    this.#emit("request_leadership");
  }

  reportDesync(position) {
    this.#emit("report_desync", { reportedPosition: position, reportedTime: this.#clock.now() });
  }

  reconnect() {
    this.#socket.connect();
  }

  leave() {
    this.#emit("leave_session");
    this.close();
  }

  // Ends the connection without leaving the session.
  close() {
    for (const timer of this.#timers) clearInterval(timer);
    clearTimeout(this.#refreshTimer);
    this.#joined = false;
    this.#socket.off();
    this.#socket.io.off();
    this.#socket.disconnect();
  }

  // Nothing is kept for later while the connection is down: joining again brings the state that counts.
  #emit(event, ...data) {
    if (this.#joined) this.#socket.emit(event, ...data);
  }

  #every(ms, action) {
    this.#timers.add(setInterval(action, ms));
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  #listen() {
    const on = (event, handler) => this.#socket.on(event, (data) => handler(data ?? {}));
    this.#socket.on("connect", () => this.#onConnect());
    this.#socket.on("disconnect", (reason) => this.#onDisconnect(reason));
    this.#socket.on("connect_error", (error) => this.#onConnectError(error));
    on("session_joined", (data) => this.#onJoined(data));
    on("session_state", (data) => this.#onState(data));
    on("user_joined", (data) => this.#onUserJoined(data));
    on("user_left", (data) => this.#onUserLeft(data));
    on("leadership_changed", (data) => this.#onLeadershipChanged(data));
    on("playback_sync", (data) => this.#onPlaybackSync(data));
    on("media_loaded", (data) => this.#onMediaLoaded(data));
    on("desync_recovery", (data) => this.#applyPlayback(data.authoritativeState));
    on("heartbeat_ack", (data) => this.#onHeartbeatAck(data));
    on("error", (data) => this.#onError(data));
  }

  #onConnect() {
    this.#clock.reset();
    this.#probeSentAt = null;
    for (let i = 0; i < kProbeBurst; i++) setTimeout(() => this.#probe(), i * kProbeGapMs);
    this.#socket.emit("join_session", this.#me);
    this.#tell("connection", { state: "connected" });
  }

  #onDisconnect(reason) {
    this.#joined = false;
    this.#tell("connection", { state: this.#socket.active ? "reconnecting" : "closed", reason });
  }

  #onConnectError(error) {
    this.#tell("connection", { state: this.#socket.active ? "reconnecting" : "closed", reason: error.message });
  }

  #onJoined({ session }) {
    this.#joined = true;
    this.#takeSession(session);
    const reason = this.#joinedBefore ? "again" : "first";
    this.#joinedBefore = true;
    this.#tell("joined", { reason });
    this.#tell("session");
  }

  #onState(session) {
    this.#takeSession(session);
    this.#tell("session");
    this.#tell("playback");
  }

  #takeSession(session) {
    this.#heard();
    this.#session = { ...session, playbackState: this.#normalized(session.playbackState) };
  }

  #onUserJoined({ userId, username, avatar }) {
    if (!this.#session) return;
    const known = this.#session.users.find((user) => user.id === userId);
    if (known) Object.assign(known, { username, avatar, isConnected: true });
    else this.#session.users.push({ id: userId, username, avatar, isConnected: true });
    this.#tell("session");
    this.#refreshSoon();
  }

  // Whether the user left or is only away is in the session's state.
  #onUserLeft({ userId }) {
    const user = this.#session?.users.find((candidate) => candidate.id === userId);
    if (user) user.isConnected = false;
    this.#tell("session");
    this.#refreshSoon();
  }

  #onLeadershipChanged(data) {
    if (!this.#session) return;
    this.#heard();
    this.#session.leaderId = data.newLeaderId;
    this.#tell("session");
    this.#tell("leader", data);
  }

  // A refusal may mean that this copy of the session is out of date.
  #onError(data) {
    this.#tell("refused", data);
    this.#refreshSoon();
  }

  #onPlaybackSync(data) {
    this.lastSync = { ...data, receivedAt: Date.now() };
    this.#noteReturn(data.leaderId);
    this.#applyPlayback(data);
  }

  // A leader who is back within the grace period is not announced; that it speaks is the sign.
  #noteReturn(userId) {
    const user = this.#session?.users.find((candidate) => candidate.id === userId);
    if (!user || user.isConnected) return;
    user.isConnected = true;
    this.#tell("session");
  }

  #applyPlayback(state) {
    if (!this.#session || !state) return;
    this.#heard();
    const { timestamp, leaderId, ...playback } = state;
    this.#session.playbackState = this.#normalized({ ...this.#session.playbackState, ...playback });
    this.#tell("playback");
  }

  #onMediaLoaded({ mediaUrl, mediaId, mediaTitle, mediaDuration, timestamp }) {
    if (!this.#session) return;
    this.#heard();
    this.#session.playbackState = this.#normalized({
      ...{ mediaUrl, mediaId, mediaTitle, mediaDuration },
      ...{ position: 0, isPlaying: false, playbackRate: 1, lastUpdateTime: timestamp },
    });
    this.#tell("session");
    this.#tell("playback");
  }

  #normalized(state) {
    const lastUpdateTime = toSeconds(state.lastUpdateTime);
    this.#clock.guess(lastUpdateTime);
    return { ...state, lastUpdateTime };
  }

  // One probe at a time, so that an answer belongs to the probe that is out.
  #probe() {
    if (!this.#socket.connected) return;
    const isOut = this.#probeSentAt !== null && localSeconds() - this.#probeSentAt < 10;
    if (isOut) return;
    this.#probeSentAt = localSeconds();
    this.#socket.emit("heartbeat");
  }

  #onHeartbeatAck({ timestamp }) {
    if (this.#probeSentAt === null) return;
    this.#clock.addRoundTrip(this.#probeSentAt, localSeconds(), toSeconds(timestamp));
    this.#probeSentAt = null;
  }

  #heard() {
    this.#lastHeardAt = performance.now();
  }

  #checkSilence() {
    const playing = this.#session?.playbackState.isPlaying;
    if (playing && !this.isLeader && performance.now() - this.#lastHeardAt > kSilenceMs) this.#refresh();
  }

  #refreshSoon() {
    clearTimeout(this.#refreshTimer);
    this.#refreshTimer = setTimeout(() => this.#refresh(), kRefreshMs * (1 + Math.random()));
  }

  #refresh() {
    this.#emit("request_session_state");
  }
}
