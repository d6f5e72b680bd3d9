// MediaSync keeps a <video> or <audio> within milliseconds of everybody else's in a mediasync session. docs/client.md says how.

import type { ManagerOptions, Socket, SocketOptions } from "socket.io-client";

/** What plays: `position` (seconds) is where it is at `lastUpdateTime` (epoch seconds of the server's clock). */
export interface PlaybackState {
  mediaUrl: string | null;
  mediaId: string | null;
  mediaTitle: string | null;
  mediaDuration: number | null;
  position: number;
  isPlaying: boolean;
  playbackRate: number;
  /** While it plays and this is ahead, it stands still until then. */
  lastUpdateTime: number;
}

export interface User {
  id: string;
  username: string;
  avatar: string | null;
  isConnected: boolean;
  joinedAt?: string;
  lastSeen?: number;
  isLeader?: boolean;
}

export interface Session {
  sessionId: string;
  creatorId: string;
  leaderId: string;
  users: User[];
  playbackState: PlaybackState;
  createdAt: string;
  lastActivity: number;
  userCount: number;
  connectedCount: number;
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

export interface MediaSyncOptions {
  sessionId: string;
  userId: string;
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

  /** Opens the session's film in the element, and resolves when its metadata is known. Sets `src` by default. */
  load?: (state: PlaybackState, media: HTMLMediaElement) => Promise<unknown>;
  /** Whether the session's film is opened by itself. True by default; with false the page does it, and calls `resume()`. */
  autoLoad?: boolean;
  /** The hls.js that drives the element, or what returns it: live streams are then counted by the calendar. */
  hls?: HlsPlayer | (() => HlsPlayer | null) | null;

  /** What the leader does when somebody's film stalls: "wait" (default) pauses for all, "carry-on" does not. */
  buffering?: "wait" | "carry-on";
  /** How long anybody is waited for, in seconds. 10 by default. */
  bufferingLimit?: number;
}

export type State =
  /** The user has left the session by another tab, or was put out of it. */
  | "left"
  /** There is no film. */
  | "empty"
  /** It is being opened, or MediaSync is suspended. */
  | "loading"
  /** This browser cannot play it. */
  | "unplayable"
  /** The browser wants a click: call `start()` from one. */
  | "blocked"
  /** This viewer has paused; the others play. `start()`, or play on the element, comes back to them. */
  | "held"
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

export interface Refusal {
  message: string;
  code: string;
  event: string;
}

export interface MediaSyncEvents {
  connection: CustomEvent<{ state: "connected" | "reconnecting" | "closed"; reason: string | null }>;
  joined: CustomEvent<{ isFirst: boolean }>;
  left: CustomEvent<undefined>;
  session: CustomEvent<undefined>;
  playback: CustomEvent<{ isNew: boolean }>;
  leader: CustomEvent<{ newLeaderId: string; newLeaderName: string; timestamp: number }>;
  buffering: CustomEvent<{ userId: string; username: string; isBuffering: boolean }>;
  refused: CustomEvent<Refusal>;
  blocked: CustomEvent<undefined>;
  unblocked: CustomEvent<undefined>;
  mediaerror: CustomEvent<{ error: unknown; mediaUrl: string | null | undefined }>;
  sync: CustomEvent<{ error: number | null; rate: number }>;
}

export class MediaSync extends EventTarget {
  constructor(media: HTMLMediaElement, options: MediaSyncOptions);

  /** The session as it is known here; null before the first join. */
  readonly session: Session | null;
  readonly isJoined: boolean;
  readonly isLeader: boolean;
  /** Where the session is now, in seconds; null before the first join. */
  readonly position: number | null;

  /** For all. These four, and `loadMedia`, return false and do nothing when this user does not lead. */
  play(): boolean;
  pause(): boolean;
  seek(position: number): boolean;
  setRate(playbackRate: number): boolean;
  loadMedia(media: Media): boolean;

  /** Granted while the leader has no connection; otherwise "refused". */
  requestLeadership(): void;
  /** From a click, after "blocked"; also ends a pause of one's own. */
  start(): void;
  /** Leaves the element alone until resume(). */
  suspend(): void;
  resume(): void;
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
}
