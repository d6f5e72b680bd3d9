// A stock client that lives in a room: it joins, comes back when it is lost, and has its witness judge what it is told.
import { transports } from '../client/harness/client.mjs';
import { versions } from '../client/harness/versions.mjs';
import { numberOf, Witness } from './oracle.mjs';
import { commandBytes } from './retention.mjs';
import { Trail } from './trail.mjs';

const kUnanswered = 20000; // ms
const kStory = 15000; // ms before a finding that are told with it
const kSpoken = ['session_joined', 'session_state', 'playback_sync', 'media_loaded', 'user_joined', 'user_left',
  'leadership_changed', 'desync_recovery', 'heartbeat_ack', 'error'];

export class Member {
  #pending = new Map(); // what is to be acknowledged: {event, since, lost}
  #nextKey = 0;
  #wants = true;

  /**
   * `via` is {url, kind, cutAt, admittedAt}: kind 'plain', 'tls' or 'proxy'; a proxy has been down last from cutAt or
   * before to admittedAt. `world` has findings, weather and figures.
   */
  constructor(world, room, { userId, version, transport, via, deflate }) {
    Object.assign(this, { world, room, userId, version, transport, via });
    this.label = `${userId} (${version} ${transport} ${via.kind}${deflate ? ' deflate' : ''})`;
    this.trail = new Trail();
    this.witness = new Witness(room.journal, { name: this.label, userId, story: (now) => this.#story(now) });
    this.lostAt = Date.now();
    this.openedAt = 0;
    const { io } = versions[version];
    this.socket = io(via.url, { transports: transports[transport], forceNew: true, reconnection: true,
      reconnectionDelay: 50, reconnectionDelayMax: 1000, rejectUnauthorized: false, timeout: 20000,
      perMessageDeflate: deflate ? { threshold: 64 } : false });
    this.socket.on('connect', () => this.#connected());
    this.socket.on('disconnect', (reason, details) => this.#disconnected(reason, details));
    this.socket.on('connect_error', (error) => this.#refusedConnection(error));
    for (const event of kSpoken) this.socket.on(event, (data, offset) => this.#told(event, data, offset));
    this.socket.io.on('open', () => this.#follow(this.socket.io.engine));
  }

  get isIn() { return this.socket.connected && this.witness.isIn && this.#wants; }
  get leads() { return this.isIn && this.witness.leaderId === this.userId; }
  get isWebSocket() { return this.socket.io.engine?.transport?.name === 'websocket'; }

  #find(kind, text) { this.world.findings.add(kind, `${this.room.name}, ${this.label}: ${text}`); }

  #note(text) { this.trail.note(Date.now(), text); }

  /** What happened to it and to the server lately, each with how many ms ago. */
  #story(now) { return `before (ms): ${this.trail.describe(now, kStory, this.world.weather.trail)}`; }

  /** Notes what an Engine.IO connection does. */
  #follow(engine) {
    this.#note(`open ${engine.id} ${engine.transport.name}`);
    engine.on('upgrade', () => this.#note('upgraded'));
    engine.on('close', (reason) => this.#note(`closed: ${reason}`));
    if (engine.transport.name !== 'polling') return;
    engine.transport.on('poll', () => this.#note('poll'));
    engine.transport.on('pollComplete', () => this.#note('answered'));
  }

  #connected() {
    this.openedAt = Date.now();
    this.#note(`connect ${this.socket.recovered ? 'recovered' : 'new'}`);
    const { witness, socket, world } = this;
    if (socket.recovered && witness.isIn) {
      world.figures.recoveries++;
      witness.recovers(Date.now());
      this.#isBack();
      return;
    }
    if (witness.isIn) {
      world.figures.snapshots++;
      witness.leaves();
    }
    if (socket.recovered) witness.doubts();
    if (this.#wants) this.join();
  }

  #isBack() {
    if (this.lostAt === undefined) return;
    const from = Math.max(this.lostAt, this.via.admittedAt ?? 0);
    if (this.openedFirst) this.world.figures.longest('return', Date.now() - from);
    this.openedFirst = true;
    this.lostAt = undefined;
  }

  #disconnected(reason, details) {
    this.lostAt = Date.now();
    const pending = this.#pendingText();
    const doubtful = [...this.#pending.values()].some(({ event }) => event === 'leave_session');
    for (const { lost } of this.#pending.values()) lost?.();
    this.#pending.clear();
    if (doubtful) this.witness.doubts();
    if (reason === 'io client disconnect') return;
    this.world.figures.disconnects++;
    const excuse = this.world.weather.excuse(this, this.lostAt);
    if (!excuse || reason === 'io server disconnect') {
      const cause = details?.description;
      const about = `${cause?.message ?? ''} ${cause?.description ?? cause?.context?.status ?? ''}`;
      this.#find('disconnect', `${reason} (${about}), over ${this.isWebSocket ? 'WebSocket' : 'polling'}, ` +
        `${this.lostAt - this.openedAt} ms old, ${pending}; ${this.world.weather.describe(this.lostAt)}`);
    }
  }

  #refusedConnection(error) {
    this.world.figures.count('handshakes refused or failed');
    if (!this.world.weather.excuse(this, Date.now(), { isNew: true })) {
      this.#find('refused connection', `${error.message} ${error.description?.message ?? error.description ?? ''}; ` +
        this.world.weather.describe(Date.now()));
    }
    // Stock clients do not come back by themselves when CONNECT is refused, as it is while the zone is full.
    if (this.socket.active === false) setTimeout(() => { if (this.#wants) this.socket.connect(); }, 1000);
  }

  #told(event, data, offset) {
    const { witness, room } = this;
    const now = Date.now();
    this.world.figures.events++;
    switch (event) {
      case 'session_joined':
        if (data.sessionId !== room.sessionId) this.#find('wrong session', data.sessionId);
        room.noteJoin(numberOf(data.session.playbackState, room));
        witness.joined(numberOf(data.session.playbackState, room), data.session, now);
        this.#isBack();
        break;
      case 'session_state': witness.snapshot(numberOf(data.playbackState, room), data, now); break;
      case 'playback_sync':
      case 'media_loaded':
        this.world.figures.delivered++;
        this.trail.heard(now, numberOf(data, room));
        witness.hears(numberOf(data, room), now, { offset, polls: !this.isWebSocket,
          isScarce: this.world.weather.isFull(now) });
        if (event === 'playback_sync' && !data.isPlaying && data.position !== numberOf(data, room)) {
          this.#find('changed event', JSON.stringify(data).slice(0, 300));
        }
        break;
      case 'user_joined': witness.userJoined(data.userId, offset); break;
      case 'user_left':
        witness.userLeft(data.userId, offset);
        if (data.userId === this.userId) this.#isTakenOut();
        break;
      case 'leadership_changed': witness.leaderChanged(data.newLeaderId, offset); break;
      case 'desync_recovery':
        if (data.reportedPosition !== 1) this.#find('wrong answer', JSON.stringify(data).slice(0, 300));
        break;
      default: break;
    }
  }

  /** By another tab of the same user, which left. */
  #isTakenOut() {
    setTimeout(() => { if (this.#wants && this.socket.connected && !this.witness.isIn) this.join(); }, 500);
  }

  /** Emits, and calls `answered(answer)` or, when the connection goes before, `lost()`. */
  #ask(event, data, answered, lost) {
    const key = this.#nextKey++;
    this.#pending.set(key, { event, since: Date.now(), lost });
    this.world.figures.commands++;
    const args = data === undefined ? [] : [data];
    this.socket.emit(event, ...args, (answer) => {
      if (this.#pending.delete(key)) answered(answer);
    });
  }

  #refused(event, answer, expected) {
    this.world.figures.refusals++;
    if (expected.includes(answer.code)) return;
    if (answer.code === 'ZONE_FULL' && this.world.weather.isFull(Date.now())) return;
    this.#find('refusal', `${event}: ${answer.code}; ${this.world.weather.describe(Date.now())}`);
  }

  join() {
    this.#wants = true;
    if (!this.socket.connected) return;
    this.witness.asks();
    const { sessionId } = this.room;
    const data = { sessionId, userId: this.userId, username: `Name of ${this.userId}`, avatar: null };
    this.#ask('join_session', data, (answer) => {
      if (answer.success) return;
      this.#refused('join_session', answer, []);
      setTimeout(() => { if (this.#wants && this.socket.connected && !this.witness.isIn) this.join(); }, 1000);
    });
  }

  /** Leaves the session; the connection stays. */
  leave(done = () => {}) {
    this.#wants = false;
    this.#ask('leave_session', undefined, (answer) => {
      if (!answer.success) this.#refused('leave_session', answer, ['NOT_IN_SESSION']);
      this.witness.leaves();
      done();
    }, done);
  }

  /** Sends a command of the room's journal; `settled()` when it is known what became of it, or never will be. */
  play(kind, data, settled = () => {}) {
    const { journal, tag } = this.room;
    const number = journal.last + 1;
    this.room.mediaUrl = data.mediaUrl ?? this.room.mediaUrl; // events have that of the session
    journal.send(kind, { bytes: commandBytes(this.room.mediaUrl, `${tag}.${number}`), now: Date.now() });
    const event = kind === 'sync' ? 'sync_playback' : 'load_media';
    const body = kind === 'sync' ? { position: number, ...data } : data;
    this.#ask(event, { ...body, mediaId: `${tag}.${number}` }, (answer) => {
      if (answer.success) {
        this.world.figures.acknowledged++;
        journal.apply(number, Date.now());
      } else {
        journal.refuse(number);
        this.#refused(event, answer, ['NOT_LEADER', 'NOT_IN_SESSION']);
      }
      settled();
    }, settled);
  }

  claim() {
    this.#ask('request_leadership', undefined, (answer) => {
      if (!answer.success) this.#refused('request_leadership', answer, ['LEADER_ACTIVE', 'NOT_IN_SESSION']);
    });
  }

  lookAround() {
    this.#ask('request_session_state', undefined, (answer) => {
      if (!answer.success) this.#refused('request_session_state', answer, this.#wants ? [] : ['NOT_IN_SESSION']);
    });
  }

  chat() {
    this.#ask('heartbeat', undefined, (answer) => {
      if (!answer.success) this.#refused('heartbeat', answer, []);
    });
    this.#ask('report_desync', { reportedPosition: 1 }, (answer) => {
      if (!answer.success) this.#refused('report_desync', answer, ['NOT_IN_SESSION']);
    });
  }

  /** What is overdue: answers, events, and being back. Each is found once. */
  check(now) {
    for (const [key, { event, since }] of this.#pending) {
      if (now - since < kUnanswered) continue;
      this.#find('no answer', `${event}, ${now - since} ms; ${this.world.weather.describe(now)}`);
      this.#pending.delete(key);
    }
    const due = this.socket.connected ? this.witness.dueSince() : undefined;
    if (due !== undefined && now - due > kUnanswered && !this.isLate) {
      this.isLate = true;
      this.#find('no event',
        `${this.witness.last} was the last, ${this.room.journal.applied} is due for ${now - due} ms`);
    }
    const away = this.lostAt === undefined ? 0 : now - Math.max(this.lostAt, this.via.admittedAt ?? 0);
    if (this.#wants && away > 3 * kUnanswered && !this.isMissing) {
      this.isMissing = true;
      this.#find('not back', `for ${away} ms; connected: ${this.socket.connected}`);
    }
  }

  /** Whether all that was sent has been answered and all that was told to the room has arrived. */
  get isLevel() {
    return this.#pending.size === 0 && (!this.#wants || (this.isIn && this.witness.dueSince() === undefined));
  }

  #pendingText() {
    const events = [...this.#pending.values()].map(({ event }) => event);
    return `${events.length} pending${events.length > 0 ? `: ${[...new Set(events)].join(' ')}` : ''}`;
  }

  describe() {
    return `${this.label}: connected ${this.socket.connected}, in ${this.witness.isIn}, ${this.#pendingText()}, ` +
      `heard ${this.witness.last} of ${this.room.journal.applied}`;
  }

  end() {
    this.#wants = false;
    this.socket.disconnect();
  }
}
