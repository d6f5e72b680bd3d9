// Made by scripts/describe from core/api/description.json: the events of docs/api.md. Times are seconds since the Unix epoch, or
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

/** The film and its clock: `position` is its position at `lastUpdateTime`. */
export interface PlaybackState {
  /** Null until something is loaded. */
  mediaUrl: string | null;
  mediaId: string | null;
  mediaTitle: string | null;
  /** Seconds; 0 when unknown. */
  mediaDuration: number | null;
  /** Seconds, at `lastUpdateTime`. */
  position: number;
  isPlaying: boolean;
  /** If it lies ahead while the film plays, the film stands still until then. */
  lastUpdateTime: number;
  playbackRate: number;
}

/** A session with all its users. */
export interface Session {
  sessionId: string;
  creatorId: string;
  leaderId: string;
  /** In the order of joining. */
  users: User[];
  playbackState: PlaybackState;
  createdAt: string;
  lastActivity: number;
  /** Users, including disconnected ones. */
  userCount: number;
  /** Users with a connection. */
  connectedCount: number;
}

/** A session in the list. */
export interface SessionSummary {
  sessionId: string;
  /** Users, including disconnected ones. */
  userCount: number;
  /** Users with a connection. */
  connectedCount: number;
  /** Whether there is a `mediaUrl`. */
  hasMedia: boolean;
  createdAt: string;
  lastActivity: number;
}

/** A playback state, and the time of the request. */
export interface AuthoritativeState extends PlaybackState {
  timestamp: number;
}

/** The time by the server's clock, and precise times if the heartbeat had a `probe`. */
export interface ServerTime {
  timestamp: number;
  /** Unchanged. */
  probe?: number;
  /** When the server read the heartbeat, to the microsecond. */
  receivedAt?: number;
  /** When the server wrote this answer, to the microsecond. */
  sentAt?: number;
  /** Seconds, measured by the server's kernel; only over WebSocket. */
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
  /** A sentence for people; it may change. */
  message: string;
}

/** A session was created. */
export interface Created {
  success: true;
  sessionId: string;
  creatorId: string;
  message: string;
}

/** A session in its present state. */
export interface Shown {
  success: true;
  session: Session;
}

/** All sessions, or as many as requested. */
export interface Listed {
  success: true;
  sessions: SessionSummary[];
  totalSessions: number;
  /** Present if there are more: the value of `after` for them. */
  next?: string;
}

/** A REST request that failed. */
export interface Failed {
  success: false;
  /** A sentence for people; it may change. */
  message: string;
}

/** A session to create, and its creator. */
export interface CreateSession {
  creatorId: string;
  creatorName: string;
  /** Binds the creator to this secret. */
  creatorSecret?: string | null;
}

/** A message from an admin. */
export interface Message {
  message: string;
  /** The name of the clients' event, `server_message` by default; neither an event described here nor one that Socket.IO reserves. */
  event?: string;
}

/** A message was sent. */
export interface Sent {
  success: true;
  /** Number of connections it was sent to. */
  sent: number;
  /** Whether these were all. */
  complete: boolean;
}

/** A session was ended, or a user removed. */
export interface Administered {
  success: true;
  message: string;
}

/** Joins a session, or creates a missing one. */
export interface JoinSession {
  sessionId: string;
  userId: string;
  username: string;
  avatar?: string | null;
  /** Never sent to anyone. */
  userSecret?: string | null;
}

/** Sets the position of the film, and whether and how fast it plays. */
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
  /** When it takes effect; absent means now. */
  executeAt?: number | null;
}

/** Loads another film, at its beginning, paused. */
export interface LoadMedia {
  mediaUrl: string;
  /** Absent means the `mediaUrl`. */
  mediaId?: string | null;
  /** Absent means the file's name in `mediaUrl`. */
  mediaTitle?: string | null;
  /** Seconds; absent and 0 mean unknown. */
  mediaDuration?: number | null;
}

/** Asks for the position of the film. */
export interface ReportDesync {
  /** Seconds. */
  reportedPosition: number;
  /** Echoed unchanged. */
  reportedTime?: number | null;
}

/** This user's film has stalled for lack of data, or goes on. */
export interface ReportBuffering {
  isBuffering: boolean;
  problem?: Problem | null;
}

/** Keeps the session alive, and asks for the time. */
export interface Heartbeat {
  /** Asks for precise times; any other type is ignored. */
  probe?: number | null;
}

/** To the user who joined. */
export interface SessionJoined {
  sessionId: string;
  userId: string;
  /** Whether this user leads. */
  isLeader: boolean;
  session: Session;
}

/** To the sender: the session. */
export interface SessionState extends Session {}

/** To the others: a user joined. */
export interface UserJoined {
  userId: string;
  username: string;
  avatar: string | null;
  timestamp: number;
}

/** To the others: a user left, or its grace ended. */
export interface UserLeft {
  userId: string;
  username: string;
  timestamp: number;
}

/** To everyone: the playback state that the leader set. */
export interface PlaybackSync extends PlaybackState {
  /** When the server accepted the leader's command. */
  timestamp: number;
  leaderId: string;
  /** Present only if it lies ahead: when it takes effect. */
  executeAt?: number;
}

/** To everyone: another film was loaded, at position 0 and paused. */
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

/** To everyone: a user's film has stalled for lack of data, or goes on. */
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

/** To the sender: the position of the film. */
export interface DesyncRecovery {
  authoritativeState: AuthoritativeState;
  reportedPosition: number;
  reportedTime: number | null;
}

/** To the sender: the server's time. */
export interface HeartbeatAck extends ServerTime {}

/** To everyone, or to the members of a session: a message from an admin. Admins may choose another name. It has an offset if it was sent to a session. */
export interface ServerMessage {
  message: string;
  timestamp: number;
}

/** To the sender: an event was refused, and changed nothing. Or to a user who was removed from a session. */
export interface Refusal {
  /** A sentence for people; it may change. */
  message: string;
  code: Code;
  /** The name of the refused event, cut to 128 bytes; empty if the error is not about an event. */
  event: string;
}

export interface ClientToServerEvents {
  /** Joins a session, or creates a missing one. */
  join_session: (data: JoinSession, acknowledge?: (answer: Joined | Refused) => void) => void;
  /** Removes the user from the session, with all its tabs. */
  leave_session: (acknowledge?: (answer: Done | Refused) => void) => void;
  /** Sets the position of the film, and whether and how fast it plays. */
  sync_playback: (data: SyncPlayback, acknowledge?: (answer: Done | Refused) => void) => void;
  /** Loads another film, at its beginning, paused. */
  load_media: (data: LoadMedia, acknowledge?: (answer: Done | Refused) => void) => void;
  /** Takes the lead, while the leader has no connection. */
  request_leadership: (acknowledge?: (answer: Done | Refused) => void) => void;
  /** Asks for the position of the film. */
  report_desync: (data: ReportDesync, acknowledge?: (answer: Done | Refused) => void) => void;
  /** This user's film has stalled for lack of data, or goes on. */
  report_buffering: (data: ReportBuffering, acknowledge?: (answer: Done | Refused) => void) => void;
  /** Keeps the session alive, and asks for the time. */
  heartbeat: (data?: Heartbeat, acknowledge?: (answer: HeartbeatDone | Refused) => void) => void;
  /** Asks for the session in its present state. */
  request_session_state: (acknowledge?: (answer: Done | Refused) => void) => void;
}

export interface ServerToClientEvents {
  /** To the user who joined. */
  session_joined: (data: SessionJoined, offset?: string) => void;
  /** To the sender: the session. */
  session_state: (data: SessionState) => void;
  /** To the others: a user joined. */
  user_joined: (data: UserJoined, offset?: string) => void;
  /** To the others: a user left, or its grace ended. */
  user_left: (data: UserLeft, offset?: string) => void;
  /** To everyone: the playback state that the leader set. */
  playback_sync: (data: PlaybackSync, offset?: string) => void;
  /** To everyone: another film was loaded, at position 0 and paused. */
  media_loaded: (data: MediaLoaded, offset?: string) => void;
  /** To everyone: a user's film has stalled for lack of data, or goes on. */
  user_buffering: (data: UserBuffering, offset?: string) => void;
  /** To everyone: the lead has moved. */
  leadership_changed: (data: LeadershipChanged, offset?: string) => void;
  /** To the sender: the position of the film. */
  desync_recovery: (data: DesyncRecovery) => void;
  /** To the sender: the server's time. */
  heartbeat_ack: (data: HeartbeatAck) => void;
  /** To everyone, or to the members of a session: a message from an admin. Admins may choose another name. It has an offset if it was sent to a session. */
  server_message: (data: ServerMessage, offset?: string) => void;
  /** To the sender: an event was refused, and changed nothing. Or to a user who was removed from a session. */
  error: (data: Refusal) => void;
}
