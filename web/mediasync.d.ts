// MediaSync keeps a <video> or <audio> within milliseconds of everybody else's in a mediasync session. docs/client.md says how.

import type { ManagerOptions, Socket, SocketOptions } from "socket.io-client";
import type { LeadershipChanged, PlaybackState, Problem, Refusal, Session as ToldSession, User as ToldUser, UserBuffering } from "./events.js";

export type { ClientToServerEvents, Code, PlaybackState, Problem, Refusal, ServerToClientEvents } from "./events.js";

/** A playback state with a film. */
export interface FilmState extends PlaybackState {
  mediaUrl: string;
}

/** Less is known of a user who has just come. */
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

/** What is read of hls.js; its older versions have no `latestLevelDetails`. */
export interface HlsPlayer {
  readonly latestLevelDetails?: Playlist | null;
  readonly levels?: { details?: Playlist }[];
  readonly currentLevel?: number;
  readonly liveSyncPosition?: number | null;
}

/** Why a film cannot be had or played here. */
export interface Trouble {
  /**
   * "network": it cannot be fetched at the moment, and is tried again. "missing": the server has no such film, or does not give it to
   * this viewer. "unsupported": this browser cannot play it.
   */
  kind: Problem;
  /** For people, in English. */
  message: string;
  error: unknown;
}

/** What the option `load` tells of the film that it has opened. */
export interface Film {
  /** Aborted when the film is another one, is opened anew, or nobody needs it any more. */
  readonly signal: AbortSignal;
  /**
   * It cannot be fetched or played any more. Of the error is read, where it has them: `kind` of Trouble, `status` of the server's
   * answer, `code` of a MediaError, `text` for people.
   */
  fail(error: unknown): void;
  /** Its data arrives again. */
  mended(): void;
  /** The player has just jumped, to mend something: that is nobody's command. */
  moved(): void;
}

/** What `load` may resolve to. */
export interface Source {
  /** Goes on with what is open; false: it has to be opened anew. */
  recover?(trouble: Trouble): boolean;
}

export interface MediaSyncOptions {
  sessionId: string;
  /** An id of this tab by default, which survives a reload of the page. */
  userId?: string;
  username: string;
  avatar?: string | null;
  /** Shown with every join; see "Secrets" in docs/api.md. */
  userSecret?: string;

  /** A Socket.IO client that is there already. MediaSync connects it when it is not connected, and never disconnects it. */
  socket?: Socket;
  /** Without `socket`: the `io` of socket.io-client, to make one with. The global `io` by default. */
  io?: typeof import("socket.io-client").io;
  /** Without `socket`: the server; that of the page by default. */
  url?: string;
  /** Without `socket`: further options for `io`. */
  socketOptions?: Partial<ManagerOptions & SocketOptions>;

  /**
   * Opens the session's film in the element, and resolves when its metadata is known. Sets `src` by default. It is called again, for
   * the same film, when that could not be fetched.
   */
  load?: (state: FilmState, media: HTMLMediaElement, film: Film) => Promise<Source | void>;
  /** Whether the session's film is opened by itself. True by default; with false the page does it, and calls `resume()`. */
  autoLoad?: boolean;
  /** The hls.js that drives the element, or what returns it: live streams are then counted by the calendar. */
  hls?: HlsPlayer | (() => HlsPlayer | null) | null;

  /** What the leader does when somebody's film stalls: "wait" (default) pauses for all, "carry-on" does not. */
  buffering?: "wait" | "carry-on";
  /** How long anybody is waited for, in seconds. 10 by default. */
  bufferingLimit?: number;

  /** By how many seconds this device's sound is late, from -0.5 to 0.5; see the property. 0 by default. */
  audioOffset?: number;
  /** Whether media keys, headset buttons and the lock screen steer. True by default. */
  mediaKeys?: boolean;
}

export type State =
  /** The user has left the session by another tab, or was put out of it. */
  | "left"
  /** There is no film. */
  | "empty"
  /** It is being opened, or MediaSync is suspended. */
  | "loading"
  /** It cannot be fetched at the moment, and is tried again. */
  | "retrying"
  /** It cannot be had or played here. `retry()` tries again. */
  | "unplayable"
  /** The browser wants a click: call `start()` from one. */
  | "blocked"
  /** This viewer has paused; the others play. `start()`, or play on the element, comes back to them. */
  | "held"
  /** The device has stopped it: the page is hidden. It goes on by itself when the page is shown, or is "blocked" then. */
  | "interrupted"
  /** The film has stopped here for want of data. */
  | "buffering"
  /** The session is paused for somebody whose film has stopped. */
  | "waiting"
  | "paused"
  /** It plays for the session, and is about to here. */
  | "starting"
  | "playing";

export interface Stats {
  state: State;
  /** Seconds that this player is behind the session, negative when it is ahead; null when that cannot be said. */
  error: number | null;
  /** Of the element, now. */
  rate: number;
  /** How often the speed was changed to correct an error. */
  rateChanges: number;
  /** How often a seek was needed for that. */
  corrections: number;
  /** How often a film that stood though it could play was helped, and by what. */
  rescues: { nudge: number; seek: number; restart: number; reload: number };
  /** As set. */
  audioOffset: number;
  /** Seconds that a seek takes here, generously, as learnt. */
  seekTime: number;
  /** Seconds from the command to play until the film moves, as learnt. */
  startTime: number;
  clock: {
    /** There has been a round trip since the connection was made. */
    isKnown: boolean;
    /** Seconds that the server's clock is ahead of this machine's. */
    offset: number;
    /** By how much the server's clock is faster; 1e-6 is a second in eleven days. */
    drift: number;
    /** The shortest round trip, in seconds; the offset is wrong by half of it at the most. */
    roundTrip: number | null;
    /** By how much round trips are longer than that, usually. */
    jitter: number | null;
    /** As the server's kernel has measured it, where it says so. */
    kernelRoundTrip: number | null;
    samples: number;
  };
  /** Ids of the users whom the session is paused for; known to the leader. */
  waitsFor: string[];
}

export interface MediaSyncEvents {
  connection: CustomEvent<{
    state: "connected" | "reconnecting" | "closed";
    reason: string | null;
    /** The server's answer when it does not let this page in. WebSockets don't say. */
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
  /** The session as it is known here; null before the first join. */
  readonly session: Session | null;
  readonly isJoined: boolean;
  readonly isLeader: boolean;
  /** Where the session is now, in seconds; null before the first join. */
  readonly position: number | null;
  /** The film is a live stream. */
  readonly isLive: boolean;
  /** What can be sought, in the session's positions; null when that is not known. */
  readonly range: { start: number; end: number } | null;
  /** Why the film cannot be had or played here, or null. */
  readonly trouble: Trouble | null;
  /**
   * By how many seconds this device's sound is late, from -0.5 to 0.5: the film runs ahead by as much. Browsers and loudspeakers
   * differ by tenths of a second, which no browser tells; viewers set it by ear. The page remembers it.
   */
  audioOffset: number;

  /** For all. These, and `loadMedia`, return false and do nothing when this user does not lead. At the end play() begins anew. */
  play(): boolean;
  pause(): boolean;
  /** Positions of the session. In live streams that is the calendar's time; those of the element are understood, too. */
  seek(position: number): boolean;
  seekBy(seconds: number): boolean;
  /** To the live end of a stream. */
  goLive(): boolean;
  setRate(playbackRate: number): boolean;
  loadMedia(media: Media): boolean;

  /** Granted while the leader has no connection; otherwise "refused". */
  requestLeadership(): void;
  /** From a click, after "blocked"; also ends a pause of one's own. */
  start(): void;
  /** Pauses for this viewer alone. */
  hold(): void;
  /** Tries again to open a film that is in trouble, at once. */
  retry(): void;
  /** Leaves the element alone until resume(). */
  suspend(): void;
  resume(): void;
  /** Opens the session's film anew, whatever the element has. */
  reload(): void;
  /** Connects again after "closed", joins again after "left". */
  reconnect(): void;
  /** Leaves the session, and close(). */
  leave(): void;
  /** Lets go of the element, and of a connection that MediaSync has made. The user stays in the session. */
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

/** The user id of this tab, which survives a reload of the page: the default of the option. */
export function userId(): string;
/** Another one, when the server says that this one is somebody else's ("FOREIGN_USER"). Returns it. */
export function renewUserId(): string;
