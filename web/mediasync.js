// Watching together: keeps a <video> or <audio> within milliseconds of everybody else's in a mediasync session.
//
//   import { io } from "socket.io-client";
//   import { MediaSync } from "@mediasync/client";
//
//   const mediasync = new MediaSync(video, { io, sessionId: "film-night", username: "Ada" });
//
// The session's timeline is what all players follow, the leader's as well: what the leader does changes the timeline.

import { BufferingPolicy } from "./mediasync/buffering.js";
import { ServerClock } from "./mediasync/clock.js";
import { Connection } from "./mediasync/connection.js";
import { isPassing } from "./mediasync/diagnosis.js";
import { Film, loadNatively } from "./mediasync/film.js";
import { userId as ownUserId } from "./mediasync/identity.js";
import { Live } from "./mediasync/live.js";
import { listenToMediaKeys } from "./mediasync/media_keys.js";
import { clamp, localNow } from "./mediasync/numbers.js";
import { Player } from "./mediasync/player.js";
import { commanded, endOf, leadFor, positionAt } from "./mediasync/timeline.js";

export { renewUserId, userId } from "./mediasync/identity.js";

const kDefaults = {
  socketOptions: {}, avatar: null, buffering: "wait", bufferingLimit: 10, autoLoad: true, audioOffset: 0,
  mediaKeys: true,
};
const kStallMs = 400; // shorter ones are nobody else's business
const kPolicyMs = 250;
const kDesyncReport = 10; // seconds between two
const kMostOffset = 0.5; // of sound
const kAtEnd = 0.05; // seconds

function socketFor({ socket, io = globalThis.io, url, socketOptions }) {
  if (socket) return socket;
  if (!io) throw new TypeError('MediaSync needs the option "socket" or "io"');
  return io(url, { autoConnect: false, ...socketOptions });
}

// With autoLoad off the page has opened the film already, and what has died can only be told to load again.
async function loadByPage(_state, media) {
  if (media.error) media.load();
}

// Events and options are documented in mediasync.d.ts.
export class MediaSync extends EventTarget {
  #media;
  #options;
  #clock = new ServerClock();
  #connection;
  #player;
  #film;
  #live;
  #policy;
  #suspended = false;
  #pending = null; // what the leader commanded while the connection was down
  #settled = false; // has been in step with this film
  #stallTimer = null;
  #reported = { isBuffering: false, problem: null }; // what the others know of this viewer's film
  #policyTimer;
  #desyncAt = -Infinity;
  #stopListening;

  constructor(media, options) {
    super();
    this.#media = media;
    this.#options = { ...kDefaults, ...options };
    const socket = socketFor(this.#options);
    this.#options.userId ??= ownUserId();
    const { sessionId, userId, username, avatar, userSecret, buffering, bufferingLimit } = this.#options;
    this.#policy = new BufferingPolicy(buffering, bufferingLimit);
    this.#live = new Live(media, this.#options.hls, () => this.position);
    this.#film = this.#makeFilm();
    this.#player = this.#makePlayer();
    this.audioOffset = this.#options.audioOffset;
    this.#stopListening = this.#options.mediaKeys ? this.#listenToMediaKeys() : () => {};
    const me = { sessionId, userId, username, avatar, ...(userSecret && { userSecret }) };
    this.#connection = new Connection(socket, me, this.#clock, (...told) => this.#onTold(...told));
    this.#policyTimer = setInterval(() => this.#lead(), kPolicyMs);
  }

  get userId() {
    return this.#options.userId;
  }

  get session() {
    return this.#connection?.session ?? null;
  }

  get isJoined() {
    return this.#connection.isJoined;
  }

  get isLeader() {
    return this.#connection.isLeader;
  }

  // The session's present position in seconds; null before it is known.
  get position() {
    return this.session && positionAt(this.session.playbackState, this.#serverNow());
  }

  get isLive() {
    return this.#live.is;
  }

  // The range that can be sought, as {start, end} in the session's positions; null if it is not known.
  get range() {
    if (this.#live.isDated) return this.#live.range;
    const end = this.#end;
    return end === null ? null : { start: 0, end };
  }

  // By how many seconds this device's sound is late.
  get audioOffset() {
    return this.#player.audioOffset;
  }

  set audioOffset(seconds) {
    this.#player.audioOffset = clamp(Number(seconds) || 0, -kMostOffset, kMostOffset);
  }

  // Why the film cannot be fetched or played here, as {kind, message, error}, or null.
  get trouble() {
    return this.#film.trouble;
  }

  // --- what the leader does; each is false when this user does not lead

  play() {
    if (this.isLeader && this.session.playbackState.isPlaying) this.#player.start(); // it plays for all, and perhaps not here
    else if (this.isLeader) this.#player.unlock();
    return this.#command({ isPlaying: true });
  }

  pause() {
    return this.#command({ isPlaying: false });
  }

  seek(position) {
    return this.#command({ position: Math.max(0, this.#live.toSession(position)) });
  }

  seekBy(seconds) {
    const { start, end } = this.range ?? { start: 0, end: Infinity };
    return this.#command({ position: clamp(this.position + seconds, start, end) });
  }

  // To the live end of a stream.
  goLive() {
    const position = this.#live.edge;
    return position !== undefined && this.#command({ position, isPlaying: true });
  }

  setRate(playbackRate) {
    return this.#command({ playbackRate });
  }

  // media: {mediaUrl, mediaId, mediaTitle, mediaDuration}
  loadMedia(media) {
    if (!this.isLeader || !this.#connection.loadMedia(media, this.#serverNow())) return false;
    this.#onTold("playback", { isNew: true });
    return true;
  }

  // --- what anybody does

  requestLeadership() {
    this.#connection.emit("request_leadership");
  }

  // From a click, after "blocked"; also ends a pause of one's own.
  start() {
    this.#film.retry();
    this.#player.start();
  }

  // This viewer alone pauses; the others go on.
  hold() {
    this.#player.hold();
  }

  // Tries again to open a film that could not be fetched or played, without waiting.
  retry() {
    this.#film.retry();
  }

  // Leaves the element alone until resume(), for example while another film is being opened in it.
  suspend() {
    this.#suspended = true;
    this.#film.suspend();
    this.#player.follow(null);
  }

  resume() {
    this.#suspended = false;
    this.#film.resume();
    this.#follow(true);
  }

  // Opens the session's film anew, whatever the element has.
  reload() {
    this.#player.follow(null);
    this.#film.reopen();
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
    clearTimeout(this.#policyTimer);
    clearTimeout(this.#stallTimer);
    this.#stopListening();
    this.#film.close();
    this.#player.close();
    this.#connection.close(!this.#options.socket);
  }

  // Figures of the synchronization: how well the film is in step, and by what means.
  stats() {
    const { error, facts, audioOffset } = this.#player;
    return {
      state: this.#describe(),
      error,
      ...facts,
      audioOffset,
      clock: {
        ...this.#clock.facts,
        offset: this.#clock.offsetAt(localNow()) - performance.timeOrigin / 1000,
        kernelRoundTrip: this.#connection.kernelRoundTrip,
      },
      waitsFor: this.#policy.waitsFor,
    };
  }

  #makeFilm() {
    const { autoLoad, load = loadNatively } = this.#options;
    return new Film(this.#media, autoLoad ? load : loadByPage, {
      onOpened: () => this.#follow(true),
      onLost: () => this.#follow(false),
      onTrouble: (trouble) => this.#onTrouble(trouble),
      onMended: () => this.#onMended(),
      onMoved: () => this.#player.excuse(),
    });
  }

  #makePlayer() {
    return new Player(this.#media, this.#clock, {
      onMeasured: () => this.#onMeasured(),
      onBlocked: (is) => this.#tell(is ? "blocked" : "unblocked"),
      onStalled: (is) => this.#onStalled(is),
      onCorrection: () => this.#onCorrection(),
      onUser: (change) => this.#command(change),
      onStuck: () => this.#film.reopen(),
      live: this.#live,
    });
  }

  // The leader's keys are commands; those of others pause their own film.
  #listenToMediaKeys() {
    return listenToMediaKeys({
      play: () => this.play() || this.start(),
      pause: () => this.pause() || this.hold(),
      seekBy: (seconds) => this.seekBy(seconds),
      seek: (position) => this.seek(position + this.#live.offset),
    });
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
    if (!this.#film.isOpen && this.#film.trouble) return isPassing(this.#film.trouble.kind) ? "retrying" : "unplayable";
    if (!this.#film.isOpen || this.#suspended) return "loading";
    const { obstacle } = this.#player;
    if (obstacle) return obstacle === "buffering" && this.#film.trouble ? "retrying" : obstacle;
    if (!state.isPlaying) return this.#policy.holds ? "waiting" : "paused";
    return this.#media.paused ? "starting" : "playing";
  }

  #onTold(type, detail) {
    if (type === "playback") this.#onPlayback(detail);
    else if (type === "buffering") this.#policy.report(detail.userId, detail.isBuffering, localNow());
    else if (type === "leader") this.#policy.reset();
    else if (type === "joined") this.#onJoined(detail);
    else if (type === "left") this.#follow(false);
    this.#tell(type, detail);
  }

  // The network is there, perhaps again.
  #onJoined({ isFirst }) {
    const unsent = this.#connection.takeUnsent();
    const pending = this.#pending ?? unsent;
    this.#pending = null;
    this.#reported = { isBuffering: false, problem: null };
    if (pending && this.isLeader && pending.mediaUrl === this.session.playbackState.mediaUrl) this.#send(pending);
    this.#film.retry();
    if (!isFirst && (this.#player.isStarved || this.#film.isOpening)) this.#film.reopen();
    this.#report();
  }

  // --- following

  #onPlayback({ isNew }) {
    const { mediaUrl } = this.session.playbackState;
    if (mediaUrl === this.#film.url) return this.#follow(isNew);
    this.#player.follow(null);
    this.#player.free();
    this.#settled = false;
    this.#film.open(this.#connection.isAsking ? {} : { ...this.session.playbackState });
    this.#report();
  }

  #follow(isNew) {
    const isIn = this.session && !this.#connection.hasLeft;
    const isReady = isIn && this.#film.isOpen && !this.#suspended;
    this.#player.follow(isReady ? this.session.playbackState : null, isNew);
  }

  #onTrouble({ kind, message, error }) {
    this.#report();
    this.#tell("mediaerror", { kind, message, error, willRetry: isPassing(kind), mediaUrl: this.#film.url });
  }

  #onMended() {
    this.#report();
    this.#tell("mediarecovered", { mediaUrl: this.#film.url });
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
    const report = { reportedPosition: this.#media.currentTime + this.#live.offset, reportedTime: this.#serverNow() };
    this.#connection.emit("report_desync", report);
  }

  // --- leading

  // The film's end; null if it is not known or the film has none.
  get #end() {
    if (!this.session || this.#live.is) return null;
    const isOpen = this.#film.isOpen && !this.#suspended;
    const end = endOf(this.session.playbackState, isOpen ? this.#media.duration : NaN);
    return end === null ? null : end + this.#live.offset;
  }

  get #isAtEnd() {
    const end = this.#end;
    return end !== null && this.position >= end - kAtEnd;
  }

  #command(change) {
    if (!this.isLeader || !this.session?.playbackState.mediaUrl) return false;
    const goesOn = this.#policy.holds && change.isPlaying === undefined; // the session stands only until all have the film
    this.#policy.overrule();
    this.#send(this.#changed(goesOn ? { ...change, isPlaying: true } : change));
    return true;
  }

  #changed(change) {
    if (change.isPlaying) change = { position: this.#isAtEnd ? this.range.start : this.#live.nearest, ...change };
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

  // The leader's player waits for others by itself, and stops where the film ends.
  #lead() {
    if (!this.isLeader || !this.isJoined || this.#suspended) return;
    const { isPlaying } = this.session.playbackState;
    if (isPlaying && this.#isAtEnd) return this.#send(this.#changed({ isPlaying: false, position: this.#end }));
    const decision = this.#policy.decide(isPlaying, localNow());
    if (decision !== null) this.#send(this.#changed({ isPlaying: decision === "resume" }));
  }

  // --- stalls

  #onStalled(is) {
    clearTimeout(this.#stallTimer);
    if (is && this.#settled) this.#stallTimer = setTimeout(() => this.#report(), kStallMs);
    else if (!is && this.#reported.isBuffering) this.#report();
  }

  // Tells the others if this viewer's film waits for data or cannot be fetched. Nobody waits for a film that cannot be played here.
  #report() {
    const { trouble } = this.#film;
    const problem = trouble?.kind ?? null;
    const isBuffering = this.#player.obstacle === "buffering" && this.#settled && (!trouble || isPassing(problem));
    if (isBuffering === this.#reported.isBuffering && problem === this.#reported.problem) return;
    this.#reported = { isBuffering, problem };
    const report = { isBuffering, ...(problem && { problem }) };
    if (this.#connection.isPrecise) this.#connection.emit("report_buffering", report);
    else this.#onTold("buffering", { userId: this.userId, username: this.#options.username, ...report });
  }
}
