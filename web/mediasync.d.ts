// MediaSync keeps a <video> or <audio> within milliseconds of everyone else's in a mediasync session. See docs/client.md.

import type { ManagerOptions, Socket, SocketOptions } from "socket.io-client";
import type { LeadershipChanged, PlaybackState, Problem, Refusal, Session as ToldSession, User as ToldUser, UserBuffering } from "./events.js";

export type { ClientToServerEvents, Code, PlaybackState, Problem, Refusal, ServerToClientEvents } from "./events.js";

/** A playback state with a film. */
export interface FilmState extends PlaybackState {
  mediaUrl: string;
}

/** A user who has just joined lacks some fields. */
export type User = Pick<ToldUser, "id" | "username" | "avatar" | "isConnected"> & Partial<ToldUser>;

export interface Session extends Omit<ToldSession, "users"> {
  users: User[];
}

export interface Media {
  mediaUrl: string;
  mediaId?: string;
  mediaTitle?: string;
  mediaDuration?: number;
}

interface Playlist {
  live: boolean;
  fragments: { programDateTime: number | null; start: number }[];
}

/** The properties of hls.js that MediaSync reads; older versions have no `latestLevelDetails`. */
export interface HlsPlayer {
  readonly latestLevelDetails?: Playlist | null;
  readonly levels?: { details?: Playlist }[];
  readonly currentLevel?: number;
  readonly liveSyncPosition?: number | null;
}

/** Why a film cannot be fetched or played here. */
export interface Trouble {
  /**
   * "network": it cannot be fetched now, and MediaSync retries. "missing": the server has no such film, or denies it to this viewer.
   * "unsupported": this browser cannot play it.
   */
  kind: Problem;
  /** A sentence for people, in English. */
  message: string;
  error: unknown;
}

/** The option `load` reports on the film it has opened through this. */
export interface Film {
  /** Aborted when the film changes, is opened anew, or is no longer needed. */
  readonly signal: AbortSignal;
  /**
   * It can no longer be fetched or played. MediaSync reads these properties of the error, if present: `kind` of Trouble, `status` of
   * the server's answer, `code` of a MediaError, `text` for people.
   */
  fail(error: unknown): void;
  /** Its data arrives again. */
  mended(): void;
  /** The player has just jumped over a gap: not a user's command. */
  moved(): void;
}

/** The value that `load` may resolve to. */
export interface Source {
  /** Continues with the open film; false: it must be opened anew. */
  recover?(trouble: Trouble): boolean;
}

export interface MediaSyncOptions {
  sessionId: string;
  /** By default an id of this tab, which survives a reload of the page. */
  userId?: string;
  username: string;
  avatar?: string | null;
  /** Sent with every join; see "Secrets" in docs/api.md. */
  userSecret?: string;

  /** An existing Socket.IO client. MediaSync connects it if necessary, and never disconnects it. */
  socket?: Socket;
  /** Without `socket`: the `io` of socket.io-client, which makes one. The global `io` by default. */
  io?: typeof import("socket.io-client").io;
  /** Without `socket`: the server; the page's server by default. */
  url?: string;
  /** Without `socket`: further options for `io`. */
  socketOptions?: Partial<ManagerOptions & SocketOptions>;

  /**
   * Opens the session's film in the element, and resolves when its metadata is known. Sets `src` by default. It is called again for
   * the same film when it could not be fetched.
   */
  load?: (state: FilmState, media: HTMLMediaElement, film: Film) => Promise<Source | void>;
  /** Whether MediaSync opens the session's film. True by default; with false the page does, and calls `resume()`. */
  autoLoad?: boolean;
  /** The hls.js that drives the element, or a function that returns it: positions of live streams are then calendar times. */
  hls?: HlsPlayer | (() => HlsPlayer | null) | null;

  /** The leader's reaction when someone's film stalls: "wait" (default) pauses for all, "carry-on" does not. */
  buffering?: "wait" | "carry-on";
  /** Maximum wait per stall, in seconds. 10 by default. */
  bufferingLimit?: number;

  /** How many seconds this device's sound is late, from -0.5 to 0.5; see the property. 0 by default. */
  audioOffset?: number;
  /** Whether media keys, headset buttons and the lock screen control the film. True by default. */
  mediaKeys?: boolean;
}

export type State =
  /** The user left the session in another tab, or was removed from it. */
  | "left"
  /** There is no film. */
  | "empty"
  /** It is being opened, or MediaSync is suspended. */
  | "loading"
  /** It cannot be fetched now, and MediaSync retries. */
  | "retrying"
  /** It cannot be fetched or played here. `retry()` tries again. */
  | "unplayable"
  /** The browser requires a click: call `start()` from one. */
  | "blocked"
  /** This viewer paused; the others play. `start()`, or play on the element, returns to their position. */
  | "held"
  /** The device stopped it: the page is hidden. It resumes when the page is shown, or is "blocked" then. */
  | "interrupted"
  /** The film has stalled here for lack of data. */
  | "buffering"
  /** The session is paused for someone whose film has stalled. */
  | "waiting"
  | "paused"
  /** The session plays, and this player is about to. */
  | "starting"
  | "playing";

export interface Stats {
  state: State;
  /** Seconds that this player is behind the session, negative when it is ahead; null when unknown. */
  error: number | null;
  /** The element's present speed. */
  rate: number;
  /** Number of speed changes that corrected an error. */
  rateChanges: number;
  /** Number of seeks that corrected an error. */
  corrections: number;
  /** How often each means helped a stuck but playable film. */
  rescues: { nudge: number; seek: number; restart: number; reload: number };
  /** As set. */
  audioOffset: number;
  /** Seconds that a seek takes here, a generous estimate learnt from this player. */
  seekTime: number;
  /** Seconds from the command to play until the film moves, learnt from this player. */
  startTime: number;
  clock: {
    /** A round trip has completed on this connection. */
    isKnown: boolean;
    /** Seconds that the server's clock is ahead of this machine's. */
    offset: number;
    /** How much faster the server's clock runs; 1e-6 is a second in eleven days. */
    drift: number;
    /** The shortest round trip, in seconds; the offset is wrong by at most half of it. */
    roundTrip: number | null;
    /** How much longer round trips usually are. */
    jitter: number | null;
    /** The round trip that the server's kernel measured, if the server sends it. */
    kernelRoundTrip: number | null;
    samples: number;
  };
  /** Ids of the users for whom the session is paused; known to the leader. */
  waitsFor: string[];
}

export interface MediaSyncEvents {
  connection: CustomEvent<{
    state: "connected" | "reconnecting" | "closed";
    reason: string | null;
    /** The server's answer when it does not admit this page. WebSockets do not show it. */
    refusal?: { status: number; message: string | null } | null;
  }>;
  joined: CustomEvent<{ isFirst: boolean }>;
  left: CustomEvent<undefined>;
  session: CustomEvent<undefined>;
  playback: CustomEvent<{ isNew: boolean }>;
  leader: CustomEvent<LeadershipChanged>;
  buffering: CustomEvent<Omit<UserBuffering, "timestamp">>;
  refused: CustomEvent<Refusal>;
  blocked: CustomEvent<undefined>;
  unblocked: CustomEvent<undefined>;
  mediaerror: CustomEvent<Trouble & { willRetry: boolean; mediaUrl: string }>;
  mediarecovered: CustomEvent<{ mediaUrl: string }>;
  sync: CustomEvent<{ error: number | null; rate: number }>;
}

export class MediaSync extends EventTarget {
  constructor(media: HTMLMediaElement, options: MediaSyncOptions);

  readonly userId: string;
  /** The session as known here; null before the first join. */
  readonly session: Session | null;
  readonly isJoined: boolean;
  readonly isLeader: boolean;
  /** The session's present position, in seconds; null before the first join. */
  readonly position: number | null;
  /** The film is a live stream. */
  readonly isLive: boolean;
  /** The seekable range, in the session's positions; null when unknown. */
  readonly range: { start: number; end: number } | null;
  /** Why the film cannot be fetched or played here, or null. */
  readonly trouble: Trouble | null;
  /**
   * How many seconds this device's sound is late, from -0.5 to 0.5: the film runs ahead by as much. Browsers and loudspeakers
   * differ by tenths of a second, which no browser reports; viewers set it by ear. The page must store it.
   */
  audioOffset: number;

  /** Commands for all. These and `loadMedia` return false and do nothing if this user does not lead. At the end play() starts again. */
  play(): boolean;
  pause(): boolean;
  /** A position of the session. In live streams that is calendar time; the element's positions are accepted too. */
  seek(position: number): boolean;
  seekBy(seconds: number): boolean;
  /** Jumps to the live end of a stream. */
  goLive(): boolean;
  setRate(playbackRate: number): boolean;
  loadMedia(media: Media): boolean;

  /** Granted while the leader has no connection; otherwise "refused". */
  requestLeadership(): void;
  /** Call it from a click, after "blocked"; also ends a pause by hold(). */
  start(): void;
  /** Pauses for this viewer only. */
  hold(): void;
  /** Retries a film in trouble at once. */
  retry(): void;
  /** Stops controlling the element until resume(). */
  suspend(): void;
  resume(): void;
  /** Opens the session's film anew, whatever the element has. */
  reload(): void;
  /** Connects again after "closed", joins again after "left". */
  reconnect(): void;
  /** Leaves the session, and calls close(). */
  leave(): void;
  /** Releases the element, and closes a connection that MediaSync made. The user stays in the session. */
  close(): void;
  stats(): Stats;

  addEventListener<K extends keyof MediaSyncEvents>(
    type: K,
    listener: (event: MediaSyncEvents[K]) => void,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | AddEventListenerOptions,
  ): void;
  removeEventListener<K extends keyof MediaSyncEvents>(
    type: K,
    listener: (event: MediaSyncEvents[K]) => void,
    options?: boolean | EventListenerOptions,
  ): void;
  removeEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | EventListenerOptions,
  ): void;
}

/** The user id of this tab, the option's default. It survives a reload of the page. */
export function userId(): string;
/** Replaces it, when the server says that it belongs to another user ("FOREIGN_USER"). Returns the new id. */
export function renewUserId(): string;
