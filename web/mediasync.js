// Watching together: keeps a <video> or <audio> within milliseconds of everybody else's in a mediasync session.
//
//   import { io } from "socket.io-client";
//   import { MediaSync } from "mediasync";
//
//   const mediasync = new MediaSync(video, { io, sessionId: "film-night", userId: "ada", username: "Ada" });
//
// The session's timeline is what all players follow, the leader's as well: what the leader does changes the timeline.

import { BufferingPolicy } from "./mediasync/buffering.js";
import { ServerClock } from "./mediasync/clock.js";
import { Connection } from "./mediasync/connection.js";
import { Player } from "./mediasync/player.js";
import { commanded, leadFor, positionAt } from "./mediasync/timeline.js";

const kDefaults = { url: undefined, socketOptions: {}, avatar: null, buffering: "wait", bufferingLimit: 10, autoLoad: true };
const kStallMs = 400; // shorter ones are nobody else's business
const kPolicyMs = 250;
const kDesyncReport = 10; // seconds between two
const kCalendar = 1e8; // a position beyond this is a time of the calendar
const kBehindLive = 10; // seconds before the end of a live stream, for players that don't know better

const localNow = () => performance.now() / 1000;

function socketFor({ socket, io = globalThis.io, url, socketOptions }) {
  if (socket) return socket;
  if (!io) throw new TypeError('MediaSync needs a Socket.IO client: the option "socket" or "io"');
  return io(url, { autoConnect: false, ...socketOptions });
}

// Events and options are documented in mediasync.d.ts.
export class MediaSync extends EventTarget {
  #media;
  #options;
  #clock = new ServerClock();
  #connection;
  #player;
  #policy;
  #loading = null; // the URL that is being loaded
  #loaded = null;
  #failed = false;
  #suspended = false;
  #pending = null; // what the leader commanded while the connection was down
  #settled = false; // has been in step with this film
  #stallTimer = null;
  #isReported = false; // the others know that this film has stalled
  #policyTimer;
  #desyncAt = -Infinity;
  #mediaListeners = new AbortController();

  constructor(media, options) {
    super();
    this.#media = media;
    this.#options = { ...kDefaults, ...options };
    const { sessionId, userId, username, avatar, userSecret, buffering, bufferingLimit } = this.#options;
    this.#policy = new BufferingPolicy(buffering, bufferingLimit);
    this.#player = new Player(media, this.#clock, {
      onMeasured: () => this.#onMeasured(),
      onBlocked: (is) => this.#tell(is ? "blocked" : "unblocked"),
      onStalled: (is) => this.#onStalled(is),
      onCorrection: () => this.#onCorrection(),
      onUser: (change) => this.#onUser(change),
      offset: () => this.#timeOffset(),
      isLive: () => this.#isLive(),
    });
    media.addEventListener("error", () => this.#onMediaError(), { signal: this.#mediaListeners.signal });
    const me = { sessionId, userId, username, avatar, ...(userSecret && { userSecret }) };
    this.#connection = new Connection(socketFor(this.#options), me, this.#clock, (...told) => this.#onTold(...told));
    this.#policyTimer = setInterval(() => this.#applyPolicy(), kPolicyMs);
  }

  get session() {
    return this.#connection.session;
  }

  get isJoined() {
    return this.#connection.isJoined;
  }

  get isLeader() {
    return this.#connection.isLeader;
  }

  // Where the session is now, in seconds; null before it is known.
  get position() {
    return this.session && positionAt(this.session.playbackState, this.#serverNow());
  }

  // --- what the leader does; each is false when this user does not lead

  play() {
    return this.#command({ isPlaying: true });
  }

  pause() {
    return this.#command({ isPlaying: false });
  }

  seek(position) {
    return this.#command({ position: Math.max(0, position) });
  }

  setRate(playbackRate) {
    return this.#command({ playbackRate });
  }

  // media: {mediaUrl, mediaId, mediaTitle, mediaDuration}
  loadMedia(media) {
    return this.isLeader && this.#connection.emit("load_media", media);
  }

  // --- what anybody does

  requestLeadership() {
    this.#connection.emit("request_leadership");
  }

  // From a click, after "blocked"; also ends a pause of one's own.
  start() {
    this.#player.start();
  }

  // Leaves the element alone until resume(), for example while another film is being opened in it.
  suspend() {
    this.#suspended = true;
    this.#player.follow(null);
  }

  resume() {
    this.#suspended = false;
    this.#follow(true);
  }

  // After the connection was "closed", or the user has "left".
  reconnect() {
    this.#connection.reconnect();
  }

  leave() {
    this.#connection.emit("leave_session");
    this.close();
  }

  // Lets go of the element and, where it is MediaSync's own, of the connection. The user stays in the session.
  close() {
    clearInterval(this.#policyTimer);
    clearTimeout(this.#stallTimer);
    this.#mediaListeners.abort();
    this.#player.close();
    this.#connection.close(!this.#options.socket);
  }

  // How well in step, and by what means.
  stats() {
    const now = localNow();
    const { error, facts } = this.#player;
    return {
      state: this.#describe(),
      error,
      ...facts,
      clock: {
        isKnown: this.#clock.isKnown,
        offset: this.#clock.offsetAt(now) - performance.timeOrigin / 1000,
        drift: this.#clock.drift,
        roundTrip: this.#clock.roundTrip,
        jitter: this.#clock.jitter,
        kernelRoundTrip: this.#connection.kernelRoundTrip,
        samples: this.#clock.samples,
      },
      waitsFor: this.#policy.waitsFor,
    };
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  #serverNow() {
    return this.#clock.serverTime(localNow());
  }

  #describe() {
    const state = this.session?.playbackState;
    if (this.#connection.hasLeft) return "left";
    if (!state?.mediaUrl) return "empty";
    if (this.#failed) return "unplayable";
    if (this.#loading || this.#suspended) return "loading";
    if (this.#player.isBlocked) return "blocked";
    if (this.#player.isHeld) return "held";
    if (this.#player.isStalled) return "buffering";
    if (!state.isPlaying) return this.#policy.holds ? "waiting" : "paused";
    return this.#media.paused ? "starting" : "playing";
  }

  #onTold(type, detail) {
    if (type === "playback") this.#onPlayback(detail);
    else if (type === "buffering") this.#policy.report(detail.userId, detail.isBuffering, localNow());
    else if (type === "leader") this.#policy.reset();
    else if (type === "joined") this.#onJoined();
    else if (type === "left") this.#follow(false);
    this.#tell(type, detail);
  }

  #onJoined() {
    const pending = this.#pending;
    this.#pending = null;
    this.#isReported = false;
    if (pending && this.isLeader && pending.mediaUrl === this.session.playbackState.mediaUrl) this.#send(pending);
  }

  // --- following

  #onPlayback({ isNew }) {
    const { mediaUrl } = this.session.playbackState;
    if (mediaUrl !== this.#loaded && mediaUrl !== this.#loading && this.#options.autoLoad) this.#load(mediaUrl);
    else this.#follow(isNew);
  }

  #follow(isNew) {
    const isIn = this.session && !this.#connection.hasLeft;
    const isReady = isIn && !this.#loading && !this.#suspended && this.session.playbackState.mediaUrl;
    this.#player.follow(isReady ? this.session.playbackState : null, isNew);
  }

  async #load(url) {
    this.#player.follow(null);
    this.#loading = url;
    this.#failed = this.#settled = false;
    this.#onStalled(false);
    try {
      if (url) await (this.#options.load ?? loadNatively)(this.session.playbackState, this.#media);
    } catch (error) {
      if (this.#loading === url) this.#fail(error);
    }
    if (this.#loading !== url) return; // another one has come
    this.#loading = null;
    this.#loaded = url;
    this.#follow(true);
  }

  // What can't be played here keeps nobody waiting.
  #onMediaError() {
    if (!this.#loading && this.#media.error) this.#fail(this.#media.error);
  }

  #fail(error) {
    this.#failed = true;
    this.#onStalled(false);
    this.#tell("mediaerror", { error, mediaUrl: this.session?.playbackState.mediaUrl });
  }

  get #hls() {
    const { hls } = this.#options;
    return typeof hls === "function" ? hls() : hls;
  }

  // What hls.js knows of the stream that it plays.
  get #playlist() {
    const hls = this.#hls;
    return hls?.latestLevelDetails ?? hls?.levels?.[hls.currentLevel]?.details ?? null;
  }

  // hls.js gives live streams a duration that grows, unless it is told otherwise.
  #isLive() {
    return this.#playlist?.live ?? this.#media.duration === Infinity;
  }

  // Where a live stream is to go on that stands where it can't be played any more, or has never been played; else undefined.
  #liveEdge() {
    const { seekable } = this.#media;
    if (!this.#isLive() || seekable.length === 0) return undefined;
    const offset = this.#timeOffset();
    const end = seekable.end(seekable.length - 1);
    const start = this.#playlist?.fragments[0]?.start ?? seekable.start(0); // what is buffered can be sought, and ends soon
    const at = this.position - offset;
    if (at >= start && at <= end) return undefined;
    return offset + (this.#hls?.liveSyncPosition ?? Math.max(start, end - kBehindLive));
  }

  // Live streams are counted by the calendar, where that is known: each player has another zero. So are those that have
  // ended meanwhile. Dates may jump from one fragment to the next, so the one counts that the session is in.
  #timeOffset() {
    if (!this.#isLive() && !(this.position > kCalendar)) return 0;
    const dated = (this.#playlist?.fragments ?? []).filter((fragment) => fragment.programDateTime);
    const now = dated.findLast((fragment) => fragment.programDateTime / 1000 <= this.position) ?? dated[0];
    if (now) return now.programDateTime / 1000 - now.start;
    const start = this.#media.getStartDate?.().getTime();
    return Number.isFinite(start) ? start / 1000 : 0;
  }

  #onMeasured() {
    const { error } = this.#player;
    if (error !== null && Math.abs(error) < 0.1 && !this.#media.paused) this.#settled = true;
    this.#tell("sync", { error, rate: this.#media.playbackRate });
  }

  // The session may have gone on in another way than was heard here.
  #onCorrection() {
    const now = localNow();
    if (this.isLeader || !this.#settled || now - this.#desyncAt < kDesyncReport) return;
    this.#desyncAt = now;
    const report = { reportedPosition: this.#media.currentTime + this.#timeOffset(), reportedTime: this.#serverNow() };
    this.#connection.emit("report_desync", report);
  }

  // --- leading

  #onUser(change) {
    if (this.isLeader) this.#command(change);
    return this.isLeader;
  }

  #command(change) {
    if (!this.isLeader || !this.session?.playbackState.mediaUrl) return false;
    this.#policy.overrule();
    this.#send(this.#changed(change));
    return true;
  }

  #changed(change) {
    if (change.isPlaying) change = { position: this.#liveEdge(), ...change };
    const { roundTrip, jitter } = this.#clock;
    const seekTime = change.position === undefined ? 0 : this.#player.facts.seekTime;
    const lead = leadFor({ roundTrip, jitter, seekTime });
    return commanded(this.session.playbackState, change, this.#serverNow(), lead);
  }

  // The own player does not wait for the answer.
  #send(state) {
    this.#connection.assume(state);
    if (this.isJoined) this.#connection.sendPlayback(state);
    else this.#pending = state;
    this.#follow(true);
    this.#tell("playback", { isNew: true });
  }

  // --- stalls

  #onStalled(is) {
    clearTimeout(this.#stallTimer);
    if (is && this.#settled) this.#stallTimer = setTimeout(() => this.#report(true), kStallMs);
    else if (!is && this.#isReported) this.#report(false);
  }

  #report(isBuffering) {
    this.#isReported = isBuffering;
    const { userId, username } = this.#options;
    if (this.#connection.isPrecise) this.#connection.emit("report_buffering", { isBuffering });
    else this.#onTold("buffering", { userId, username, isBuffering });
  }

  #applyPolicy() {
    if (!this.isLeader || !this.isJoined) return;
    const decision = this.#policy.decide(this.session.playbackState.isPlaying, localNow());
    if (decision !== null) this.#send(this.#changed({ isPlaying: decision === "resume" }));
  }
}

function loadNatively({ mediaUrl }, media) {
  return new Promise((resolve, reject) => {
    const outcome = new AbortController();
    const on = (type, settle) =>
      media.addEventListener(type, () => (outcome.abort(), settle()), { signal: outcome.signal });
    on("loadedmetadata", resolve);
    on("error", () => reject(media.error));
    media.src = mediaUrl;
  });
}
