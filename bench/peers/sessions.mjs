// The rules of a session, as the API describes them.
export const kGraceMs = 5000;

export class Refusal extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

const isText = (value) => typeof value === 'string' && value.length > 0;
const seconds = () => Date.now() / 1000;

class Session {
  constructor(sessionId, creatorId) {
    Object.assign(this, { sessionId, creatorId, leaderId: creatorId, createdAt: new Date().toISOString(),
      lastActivity: seconds(), users: new Map(), position: 0, isPlaying: false, playbackRate: 1, mediaUrl: null,
      mediaId: null, mediaTitle: null, mediaDuration: null, lastUpdateTime: seconds() });
  }

  touch(user) {
    this.lastActivity = user.lastSeen = seconds();
  }

  /** The playback state as it is now. */
  freshState() {
    const now = seconds();
    const passed = this.isPlaying ? (now - this.lastUpdateTime) * this.playbackRate : 0;
    const position = Math.min(this.position + passed, this.mediaDuration ?? Infinity);
    const { mediaUrl, mediaId, mediaTitle, mediaDuration, isPlaying, playbackRate } = this;
    return { mediaUrl, mediaId, mediaTitle, mediaDuration, position, isPlaying, lastUpdateTime: now, playbackRate };
  }

  snapshot() {
    const users = [...this.users.values()].map((user) => ({ id: user.id, username: user.username, avatar: user.avatar,
      joinedAt: user.joinedAt, lastSeen: user.lastSeen, isConnected: user.connections > 0,
      isLeader: user.id === this.leaderId }));
    const { sessionId, creatorId, leaderId, createdAt, lastActivity } = this;
    return { sessionId, creatorId, leaderId, users, playbackState: this.freshState(), createdAt, lastActivity,
      userCount: users.length, connectedCount: users.filter((user) => user.isConnected).length };
  }

  #requireLead(user) {
    if (this.leaderId !== user.id) throw new Refusal('NOT_LEADER', 'Only the leader may do that');
    this.touch(user);
  }

  sync(user, { position, isPlaying, mediaUrl, mediaId, playbackRate = 1 }) {
    this.#requireLead(user);
    if (!(Number.isFinite(position) && position >= 0) || typeof isPlaying !== 'boolean') {
      throw new Refusal('INVALID_DATA', 'position and isPlaying are needed');
    }
    Object.assign(this, { position, isPlaying, playbackRate, lastUpdateTime: seconds(),
      mediaUrl: mediaUrl ?? this.mediaUrl, mediaId: mediaId ?? this.mediaId });
    return { ...this.freshState(), timestamp: seconds(), leaderId: user.id };
  }

  load(user, { mediaUrl, mediaId = null, mediaTitle = null, mediaDuration = null }) {
    this.#requireLead(user);
    if (!isText(mediaUrl)) throw new Refusal('INVALID_DATA', 'mediaUrl is needed');
    Object.assign(this, { mediaUrl, mediaId, mediaTitle, mediaDuration, position: 0, isPlaying: false, playbackRate: 1,
      lastUpdateTime: seconds() });
    return { mediaUrl, mediaId, mediaTitle, mediaDuration, timestamp: seconds(), loadedBy: user.id };
  }

  takeLead(user) {
    if (this.users.get(this.leaderId)?.connections > 0) {
      throw new Refusal('LEADER_ACTIVE', 'Current leader is still active');
    }
    this.leaderId = user.id;
  }

  /** One connection less; true when it was the user's last. */
  disconnect(user) {
    return --user.connections === 0;
  }

  /** The user is not expected back: returns who leads instead, when it led. */
  giveUp(user, { isLoss }) {
    if (!isLoss) this.users.delete(user.id);
    if (this.leaderId !== user.id) return undefined;
    const heir = [...this.users.values()].find(({ connections }) => connections > 0);
    if (heir) this.leaderId = heir.id;
    return heir;
  }
}

export class Sessions {
  #sessions = new Map();

  find(sessionId) {
    return this.#sessions.get(sessionId);
  }

  join({ sessionId, userId, username, avatar = null } = {}, current) {
    if (!isText(sessionId) || !isText(userId) || !isText(username)) {
      throw new Refusal('INVALID_DATA', 'sessionId, userId and username are needed');
    }
    if (current && current.sessionId !== sessionId) {
      throw new Refusal('ALREADY_IN_SESSION', 'Already in a session. Leave current session first.');
    }
    let session = this.#sessions.get(sessionId);
    if (!session) this.#sessions.set(sessionId, session = new Session(sessionId, userId));
    let user = session.users.get(userId);
    const isNew = !user;
    if (!user) session.users.set(userId, user = { id: userId, joinedAt: new Date().toISOString(), connections: 0 });
    clearTimeout(user.grace);
    Object.assign(user, { username, avatar });
    session.touch(user);
    return { session, user, isNew };
  }
}
