// Made by scripts/describe of core/api/description.json: the events of docs/api.md. Times are seconds since the Unix epoch, or
// milliseconds where the server is configured so.

/** Why a command was refused. Rules of operators have codes of their own. */
export type Code =
  | "INVALID_PAYLOAD"
  | "INVALID_SESSION_ID"
  | "INVALID_USER_ID"
  | "INVALID_USERNAME"
  | "INVALID_AVATAR"
  | "INVALID_USER_SECRET"
  | "INVALID_POSITION"
  | "INVALID_IS_PLAYING"
  | "INVALID_PLAYBACK_RATE"
  | "INVALID_EXECUTE_AT"
  | "INVALID_IS_BUFFERING"
  | "INVALID_PROBLEM"
  | "INVALID_MEDIA_URL"
  | "INVALID_MEDIA_ID"
  | "INVALID_MEDIA_TITLE"
  | "INVALID_MEDIA_DURATION"
  | "INVALID_REPORT"
  | "UNKNOWN_EVENT"
  | "BINARY_UNSUPPORTED"
  | "BINARY_TOO_LONG"
  | "ALREADY_IN_SESSION"
  | "NOT_IN_SESSION"
  | "FOREIGN_USER"
  | "NOT_LEADER"
  | "LEADER_ACTIVE"
  | "SESSION_NOT_FOUND"
  | "MEDIA_NOT_ALLOWED"
  | "TOO_MANY_SESSIONS"
  | "SESSION_FULL"
  | "TOO_MANY_CONNECTIONS"
  | "RATE_LIMITED"
  | "ZONE_FULL"
  | "HOOK_FAILED"
  | "BACKLOGGED"
  | "KICKED"
  | "SESSION_CLOSED"
  | (string & {});

/** Why a film does not go on. */
export type Problem =
  | "network"
  | "missing"
  | "unsupported";

/** A user of a session. */
export interface User {
  id: string;
  username: string;
  avatar: string | null;
  joinedAt: string;
  lastSeen: number;
  isConnected: boolean;
  isLeader: boolean;
}

/** The film and its clock: `position` is where it is at `lastUpdateTime`. */
export interface PlaybackState {
  /** Null as long as nothing was loaded. */
  mediaUrl: string | null;
  mediaId: string | null;
  mediaTitle: string | null;
  /** Seconds; 0 when unknown. */
  mediaDuration: number | null;
  /** Seconds, at `lastUpdateTime`. */
  position: number;
  isPlaying: boolean;
  /** While it plays and this is ahead, it stands still until then. */
  lastUpdateTime: number;
  playbackRate: number;
}

/** A session with everybody in it. */
export interface Session {
  sessionId: string;
  creatorId: string;
  leaderId: string;
  /** In the order of joining. */
  users: User[];
  playbackState: PlaybackState;
  createdAt: string;
  lastActivity: number;
  /** Users, the disconnected included. */
  userCount: number;
  /** Users with a connection. */
  connectedCount: number;
}

/** A session in the list. */
export interface SessionSummary {
  sessionId: string;
  /** Users, the disconnected included. */
  userCount: number;
  /** Users with a connection. */
  connectedCount: number;
  /** Whether there is a `mediaUrl`. */
  hasMedia: boolean;
  createdAt: string;
  lastActivity: number;
}

/** A playback state, and when it was asked for. */
export interface AuthoritativeState extends PlaybackState {
  timestamp: number;
}

/** The time by the server's clock, and precise times when the heartbeat had a `probe`. */
export interface ServerTime {
  timestamp: number;
  /** As it came. */
  probe?: number;
  /** When the server read the heartbeat, to the microsecond. */
  receivedAt?: number;
  /** When the server wrote this, to the microsecond. */
  sentAt?: number;
  /** Seconds, as the server's kernel has measured it; only over WebSocket. */
  roundTrip?: number;
}

/** The acknowledgement of a command that was carried out. */
export interface Done {
  success: true;
}

/** The acknowledgement of `join_session`. */
export interface Joined extends Done {
  sessionId: string;
  userId: string;
  isLeader: boolean;
}

/** The acknowledgement of `heartbeat`. */
export interface HeartbeatDone extends ServerTime {
  success: true;
}

/** The acknowledgement of a command that was refused. */
export interface Refused {
  success: false;
  code: Code;
  /** A sentence for people; may change. */
  message: string;
}

/** A session was created. */
export interface Created {
  success: true;
  sessionId: string;
  creatorId: string;
  message: string;
}

/** A session, as it is. */
export interface Shown {
  success: true;
  session: Session;
}

/** All sessions, or as many as were asked for. */
export interface Listed {
  success: true;
  sessions: SessionSummary[];
  totalSessions: number;
  /** There are more: `after` for them. */
  next?: string;
}

/** A REST request that failed. */
export interface Failed {
  success: false;
  /** A sentence for people; may change. */
  message: string;
}

/** A session to create, and its creator. */
export interface CreateSession {
  creatorId: string;
  creatorName: string;
  /** The creator is who shows this secret. */
  creatorSecret?: string | null;
}

/** What an admin has to say. */
export interface Message {
  message: string;
  /** What clients get it as, `server_message` when it is left out; none of the events described here, and none that Socket.IO reserves. */
  event?: string;
}

/** A message was sent. */
export interface Sent {
  success: true;
  /** To so many connections. */
  sent: number;
  /** Whether these were all. */
  complete: boolean;
}

/** A session was ended, or a user removed. */
export interface Administered {
  success: true;
  message: string;
}

/** Joins a session, which is created when there is none. */
export interface JoinSession {
  sessionId: string;
  userId: string;
  username: string;
  avatar?: string | null;
  /** Never sent to anyone. */
  userSecret?: string | null;
}

/** Sets where the film is, and whether and how fast it plays. */
export interface SyncPlayback {
  /** Seconds. */
  position: number;
  isPlaying: boolean;
  /** Absent keeps the current one. */
  mediaUrl?: string | null;
  /** Absent keeps the current one; it may be the `mediaUrl`. */
  mediaId?: string | null;
  /** Absent means 1. */
  playbackRate?: number | null;
  /** When it begins; absent means now. */
  executeAt?: number | null;
}

/** Another film, from its beginning, paused. */
export interface LoadMedia {
  mediaUrl: string;
  /** Absent means the `mediaUrl`. */
  mediaId?: string | null;
  /** Absent means the file's name in `mediaUrl`. */
  mediaTitle?: string | null;
  /** Seconds; absent and 0 mean unknown. */
  mediaDuration?: number | null;
}

/** Asks where the film is. */
export interface ReportDesync {
  /** Seconds. */
  reportedPosition: number;
  /** Comes back unchanged. */
  reportedTime?: number | null;
}

/** This user's film has stopped for want of data, or goes on. */
export interface ReportBuffering {
  isBuffering: boolean;
  problem?: Problem | null;
}

/** Keeps the session alive, and asks for the time. */
export interface Heartbeat {
  /** Asks for precise times; anything but a number is ignored. */
  probe?: number | null;
}

/** To who joined. */
export interface SessionJoined {
  sessionId: string;
  userId: string;
  /** Whether this user leads. */
  isLeader: boolean;
  session: Session;
}

/** To who asked: the session. */
export interface SessionState extends Session {}

/** To the others: a user came. */
export interface UserJoined {
  userId: string;
  username: string;
  avatar: string | null;
  timestamp: number;
}

/** To the others: a user left, or was given up. */
export interface UserLeft {
  userId: string;
  username: string;
  timestamp: number;
}

/** To everyone: what the leader has set. */
export interface PlaybackSync extends PlaybackState {
  /** When the leader's command was taken. */
  timestamp: number;
  leaderId: string;
  /** It is yet to begin. */
  executeAt?: number;
}

/** To everyone: another film, at position 0 and paused. */
export interface MediaLoaded {
  mediaUrl: string;
  mediaId: string;
  mediaTitle: string;
  /** Seconds; 0 when unknown. */
  mediaDuration: number;
  timestamp: number;
  /** `userId` of the leader. */
  loadedBy: string;
}

/** To everyone: a user's film has stopped for want of data, or goes on. */
export interface UserBuffering {
  userId: string;
  username: string;
  isBuffering: boolean;
  problem?: Problem;
  timestamp: number;
}

/** To everyone: the lead has moved. */
export interface LeadershipChanged {
  newLeaderId: string;
  newLeaderName: string;
  timestamp: number;
}

/** To who reported: where the film is. */
export interface DesyncRecovery {
  authoritativeState: AuthoritativeState;
  reportedPosition: number;
  reportedTime: number | null;
}

/** To who asked: the server's time. */
export interface HeartbeatAck extends ServerTime {}

/** To everybody, or to the members of a session: an admin has something to say. Admins may send it by another name. It has an offset when it went to a session. */
export interface ServerMessage {
  message: string;
  timestamp: number;
}

/** To who sent it: an event was refused, and has changed nothing. Or to who was removed from a session. */
export interface Refusal {
  /** A sentence for people; may change. */
  message: string;
  code: Code;
  /** The name of the refused event, at most 128 bytes of it; empty when it is about none. */
  event: string;
}

export interface ClientToServerEvents {
  /** Joins a session, which is created when there is none. */
  join_session: (data: JoinSession, acknowledge?: (answer: Joined | Refused) => void) => void;
  /** Takes the user out of the session, with all its tabs. */
  leave_session: (acknowledge?: (answer: Done | Refused) => void) => void;
  /** Sets where the film is, and whether and how fast it plays. */
  sync_playback: (data: SyncPlayback, acknowledge?: (answer: Done | Refused) => void) => void;
  /** Another film, from its beginning, paused. */
  load_media: (data: LoadMedia, acknowledge?: (answer: Done | Refused) => void) => void;
  /** Takes the lead, while the leader has no connection. */
  request_leadership: (acknowledge?: (answer: Done | Refused) => void) => void;
  /** Asks where the film is. */
  report_desync: (data: ReportDesync, acknowledge?: (answer: Done | Refused) => void) => void;
  /** This user's film has stopped for want of data, or goes on. */
  report_buffering: (data: ReportBuffering, acknowledge?: (answer: Done | Refused) => void) => void;
  /** Keeps the session alive, and asks for the time. */
  heartbeat: (data?: Heartbeat, acknowledge?: (answer: HeartbeatDone | Refused) => void) => void;
  /** Asks for the session as it is. */
  request_session_state: (acknowledge?: (answer: Done | Refused) => void) => void;
}

export interface ServerToClientEvents {
  /** To who joined. */
  session_joined: (data: SessionJoined, offset?: string) => void;
  /** To who asked: the session. */
  session_state: (data: SessionState) => void;
  /** To the others: a user came. */
  user_joined: (data: UserJoined, offset?: string) => void;
  /** To the others: a user left, or was given up. */
  user_left: (data: UserLeft, offset?: string) => void;
  /** To everyone: what the leader has set. */
  playback_sync: (data: PlaybackSync, offset?: string) => void;
  /** To everyone: another film, at position 0 and paused. */
  media_loaded: (data: MediaLoaded, offset?: string) => void;
  /** To everyone: a user's film has stopped for want of data, or goes on. */
  user_buffering: (data: UserBuffering, offset?: string) => void;
  /** To everyone: the lead has moved. */
  leadership_changed: (data: LeadershipChanged, offset?: string) => void;
  /** To who reported: where the film is. */
  desync_recovery: (data: DesyncRecovery) => void;
  /** To who asked: the server's time. */
  heartbeat_ack: (data: HeartbeatAck) => void;
  /** To everybody, or to the members of a session: an admin has something to say. Admins may send it by another name. It has an offset when it went to a session. */
  server_message: (data: ServerMessage, offset?: string) => void;
  /** To who sent it: an event was refused, and has changed nothing. Or to who was removed from a session. */
  error: (data: Refusal) => void;
}
