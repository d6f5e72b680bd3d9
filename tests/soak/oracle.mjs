// What a session's members must have been told: a journal of what its leaders sent, and a witness for each member. No
// sockets and no clock: whoever runs it says what happened and when.
import { kOtherBytes, mustHold } from './retention.mjs';

/**
 * The findings, in their order; the first `kept` are kept with their text, all are counted. What
 * looked wrong and is allowed is counted beside.
 */
export class Findings {
  constructor({ kept = 200, report = () => {}, reportAllowed = () => {} } = {}) {
    Object.assign(this, { kept, report, reportAllowed, count: 0, list: [], allowed: 0 });
  }

  allow(count, text) {
    this.allowed += count;
    this.reportAllowed(text);
  }

  add(kind, text) {
    this.count++;
    if (this.list.length < this.kept) this.list.push({ kind, text });
    this.report(kind, text);
  }
}

/** An offset as the server sends it: which log, and which event of it. */
export function parseOffset(text) {
  const parts = /^([0-9a-z]+)-([0-9a-z]+)$/.exec(text ?? '');
  return parts ? { log: parts[1], event: Number.parseInt(parts[2], 36) } : undefined;
}

/**
 * The commands of a session's leaders, numbered from 1 in the order of sending. One is *applied* when it was
 * acknowledged or any member has heard of it, *refused* when the server said so, and unknown before and when its answer
 * was lost with the connection. It is *gone* when the server has evicted the session since.
 *
 * The journal also knows how many bytes of the session's log its events take, which `logBytes` limits, so that it can
 * tell what the log must still hold.
 */
export class Journal {
  #entries = [null];
  #log = undefined; // whose offsets are known
  #others = new Set(); // offsets of the events that no command has caused

  constructor(name, findings, { logBytes = Infinity } = {}) {
    Object.assign(this, { name, findings, logBytes, applied: 0 });
  }

  /** The number of the last one sent. */
  get last() { return this.#entries.length - 1; }

  /**
   * `kind` is 'sync', which a newer one supersedes, or 'load', which nothing does; `bytes` is the most that its
   * event takes in the log. Returns the number.
   */
  send(kind, { bytes = 0, now = 0 } = {}) {
    this.#entries.push({ kind, bytes, state: 'sent', since: now, skipped: [] });
    return this.last;
  }

  entry(number) { return this.#entries[number]; }

  apply(number, now) {
    const entry = this.#entries[number];
    if (entry.state === 'applied' || entry.state === 'gone') return;
    if (entry.state === 'refused') this.findings.add('refused yet told', `${this.name}: ${number} was refused`);
    Object.assign(entry, { state: 'applied', since: now });
    this.applied = Math.max(this.applied, number);
    for (const find of entry.skipped) find();
    entry.skipped = [];
  }

  /** Somebody was told an event with that offset: that of command `number`, or one that no command has caused. */
  locate(text, number) {
    const offset = parseOffset(text);
    if (!offset) return;
    if (offset.log !== this.#log) this.#forgetOffsets();
    this.#log = offset.log;
    if (number === undefined) this.#others.add(offset.event);
    else if (this.#entries[number]) this.#entries[number].offset = offset.event;
  }

  #forgetOffsets() {
    this.#others.clear();
    for (const entry of this.#entries.slice(1)) delete entry.offset;
  }

  /** The session was evicted, and is made anew. */
  restart() {
    for (const entry of this.#entries.slice(1)) Object.assign(entry, { state: 'gone', skipped: [] });
    this.#forgetOffsets();
    this.applied = 0;
  }

  refuse(number) {
    const entry = this.#entries[number];
    if (entry.state === 'gone') return;
    if (entry.state === 'applied') this.findings.add('refused yet told', `${this.name}: ${number} was told before`);
    else Object.assign(entry, { state: 'refused', skipped: [] });
  }

  /** Whether a newer 'sync' makes up for that one. */
  isSuperseded(number) {
    if (this.#entries[number].kind !== 'sync') return false;
    return this.#entries.slice(number + 1).some(({ kind, state }) =>
      kind === 'sync' && (state === 'sent' || state === 'applied'));
  }

  /**
   * The most bytes of that event and of each that may have come into the log since, in their order. Those whose offset
   * nobody knows stand behind the command before them.
   */
  #sizesFrom(number) {
    const items = [];
    let at = 0;
    for (let i = number; i > 0 && at === 0; i--) at = this.#entries[i].offset ?? 0;
    const start = at;
    for (const { state, bytes, offset } of this.#entries.slice(number)) {
      at = offset ?? at;
      if (state === 'sent' || state === 'applied') items.push({ at, bytes });
    }
    for (const other of this.#others) if (other > start) items.push({ at: other, bytes: kOtherBytes });
    return items.sort((a, b) => a.at - b.at).map(({ bytes }) => bytes);
  }

  /** Whether the log must still hold the event of that command. */
  mustHold(number) { return mustHold(this.logBytes, this.#sizesFrom(number)); }

  /** How much may have come into the log from that command on. */
  describeFrom(number) {
    const sizes = this.#sizesFrom(number);
    return `${sizes.length} events of ${sizes.reduce((sum, size) => sum + size, 0)} bytes at most from ${number} on ` +
      `in a log of ${this.logBytes}`;
  }
}

// A session need not wait for longer for a member who does not read: docs/architecture.md, "Patience".
const kFreeWait = 500; // ms

const kHere = 'here';
const kMaybe = 'maybe'; // listed as disconnected: in grace, or given up

/** Numbers as text: 3..5, or 3 for one. */
const range = (numbers) => (numbers.length === 1 ? `${numbers[0]}` : `${numbers[0]}..${numbers.at(-1)}`);

/**
 * The events that one member of a session hears. A 'sync' that was superseded may be missing
 * - for readers whose socket stays full (`isSlow`);
 * - right after a recovery, if it was there before and may have left the log;
 * - for one who polls, if it may have left the log, and the member had been behind for so long that the session did not
 *   have to wait for it.
 * `story(now)` says what happened to the member lately.
 */
export class Witness {
  #users = new Map(); // by id: kHere or kMaybe; those who are gone are not in it
  #floor = 0;
  #recoveredAt = -Infinity; // when it came back, if it has heard no command since
  #offset; // of the last command it heard
  #behindSince; // when the first command was sent that it had not heard when it last had all; undefined: it has all

  constructor(journal, { name, userId, isSlow = false, story = () => '' }) {
    Object.assign(this, { journal, name, userId, isSlow, story, isIn: false, isDoubtful: false, last: 0, heard: 0,
      leaderId: undefined, since: 0 });
  }

  #find(kind, text) { this.journal.findings.add(kind, `${this.journal.name}, ${this.name}: ${text}`); }

  /** join_session is sent: the snapshot may not be older than what is applied by now. */
  asks() { this.#floor = this.journal.applied; }

  /** session_joined. `shown` is the number in its playback state, 0 for none. */
  joined(shown, session, now) {
    this.#floor = Math.min(this.#floor, this.journal.applied); // less when the session was made anew meanwhile
    if (shown < this.#floor) this.#find('stale snapshot', `joined at ${shown}, ${this.#floor} was acknowledged before`);
    if (this.isIn && !this.isDoubtful) {
      this.snapshot(shown, session, now);
      return;
    }
    this.#take(shown, now);
    this.#users.clear();
    for (const user of session.users) this.#users.set(user.id, user.isConnected ? kHere : kMaybe);
    this.#recoveredAt = -Infinity;
    this.#offset = this.#behindSince = undefined;
    Object.assign(this, { isIn: true, isDoubtful: false, last: shown, leaderId: session.leaderId, since: now });
  }

  #take(shown, now) {
    if (shown > this.journal.last) this.#find('invented', `shown ${shown} of ${this.journal.last}`);
    else if (shown > 0) this.journal.apply(shown, now);
  }

  /** session_state, or session_joined of one who is in: it shows what was told up to here, no more and no less. */
  snapshot(shown, session, now) {
    if (!this.isIn) {
      if (!this.isDoubtful) this.#find('not in session', 'was sent a state');
      return;
    }
    if (this.isDoubtful) return;
    this.#take(shown, now);
    if (shown !== this.last) this.#shows(shown);
    if (session.leaderId !== this.leaderId) {
      this.#find('wrong leader', `the state has ${session.leaderId}, was told ${this.leaderId}`);
      this.leaderId = session.leaderId;
    }
    this.#compareUsers(session.users);
  }

  #shows(shown) {
    if (shown < this.last) this.#find('stale snapshot', `the state shows ${shown} after ${this.last} was told`);
    else if (!this.isSlow) this.#find('early snapshot', `the state shows ${shown}, told was ${this.last}`);
  }

  #compareUsers(users) {
    const listed = new Set(users.map((user) => user.id));
    for (const { id, isConnected } of users) {
      if (!isConnected || this.#users.get(id) === kHere) continue;
      if (!this.#users.has(id)) this.#find('lost event', `was not told that ${id} joined`);
      this.#users.set(id, kHere);
    }
    for (const [id, presence] of this.#users) {
      if (listed.has(id)) continue;
      if (presence === kHere) this.#find('lost user', `${id} is not listed and has not left`);
      this.#users.delete(id);
    }
  }

  #isTold(what) {
    if (this.isIn && !this.isDoubtful) return true;
    if (!this.isDoubtful) this.#find('not in session', `was told ${what}`);
    return false;
  }

  /**
   * playback_sync or media_loaded with that number. `offset` is the event's, `polls` whether it came by a poll, and
   * `isScarce` whether the log may be shorter than its limit for lack of memory.
   */
  hears(number, now, { offset, polls = false, isScarce = false } = {}) {
    if (!this.#isTold(number)) return;
    this.heard++;
    if (number > this.journal.last || number < 1) {
      this.#find('invented', `heard ${number} of ${this.journal.last}`);
      return;
    }
    if (number <= this.last) {
      this.#find('doubled event', `heard ${number} after ${this.last}`);
      return;
    }
    this.journal.locate(offset, number);
    this.#behindSince ??= this.journal.entry(this.last + 1).since;
    if (number > this.last + 1) this.#skipTo(number, now, { offset, polls, isScarce });
    this.#recoveredAt = -Infinity;
    this.#offset = offset;
    if (number === this.journal.last) this.#behindSince = undefined;
    this.last = number;
    this.since = now;
    this.journal.apply(number, now);
  }

  /** Those between the last one and `number` are missing. What became of a command may turn out later. */
  #skipTo(number, now, how) {
    const { journal } = this;
    const missing = [];
    for (let between = this.last + 1; between < number; between++) {
      if (['applied', 'sent'].includes(journal.entry(between).state)) missing.push(between);
    }
    if (missing.length === 0) return;
    const behind = now - this.#behindSince;
    const allowed = missing.filter((one) => this.#mayMiss(one, behind, how));
    const lost = missing.filter((one) => !allowed.includes(one));
    const about = (first) => this.#describeGap(number, first, now, behind, how);
    if (lost.length > 0) this.#report(lost, about(lost[0]), (text) => this.#find('lost event', text));
    if (allowed.length > 0 && !this.isSlow) {
      const allow = (text, count) => journal.findings.allow(count, `${journal.name}, ${this.name}: ${text}`);
      this.#report(allowed, about(allowed[0]), allow);
    }
  }

  /** Those that are known to be applied at once, each of the others when it turns out to be. */
  #report(missing, about, tell) {
    const say = (numbers) => tell(`never heard ${range(numbers)}: ${about}`, numbers.length);
    const applied = missing.filter((one) => this.journal.entry(one).state === 'applied');
    if (applied.length > 0) say(applied);
    for (const one of missing) if (!applied.includes(one)) this.journal.entry(one).skipped.push(() => say([one]));
  }

  /** `behind`: for how many ms the member has not had all. */
  #mayMiss(number, behind, { polls, isScarce }) {
    const { journal } = this;
    if (!journal.isSuperseded(number)) return false;
    if (this.isSlow) return true;
    const isBack = journal.entry(number).since < this.#recoveredAt + kFreeWait; // it was there before the return
    const isWaitedFor = !isBack && !(polls && behind >= kFreeWait);
    return !isWaitedFor && (isScarce || !journal.mustHold(number));
  }

  #describeGap(number, missing, now, behind, { offset, polls, isScarce }) {
    const { journal } = this;
    const way = this.#recoveredAt === -Infinity ? 'not recovered' : `recovered ${now - this.#recoveredAt} ms ago`;
    return [`heard ${this.last} (${this.#offset ?? 'no offset'}) and then ${number} (${offset ?? 'no offset'})`,
      `${way}, ${polls ? 'polling' : 'WebSocket'}, ${behind} ms behind`,
      `${missing} is a ${journal.entry(missing).kind}, ${journal.isSuperseded(missing) ? '' : 'not '}superseded`,
      journal.describeFrom(missing) + (isScarce ? ' and little memory' : ''),
      `the log ${journal.mustHold(missing) ? 'must' : 'need not'} hold it`, this.story(now)].join('; ');
  }

  userJoined(id, offset) {
    this.journal.locate(offset);
    if (!this.#isTold(`that ${id} joined`)) return;
    if (id === this.userId) this.#find('own event', 'was told that it joined itself');
    if (this.#users.get(id) === kHere) this.#find('doubled event', `was told twice that ${id} joined`);
    this.#users.set(id, kHere);
  }

  /**
   * Its own leaving comes from another tab of the user, and ends its membership. When the user led, who leads now is
   * the last that it is told.
   */
  userLeft(id, offset) {
    this.journal.locate(offset);
    if (!this.#isTold(`that ${id} left`)) return;
    if (!this.#users.delete(id)) this.#find('doubled event', `was told that ${id} left, who was not there`);
    if (id !== this.userId) return;
    const led = this.leaderId === id;
    this.leaves();
    this.hearsSuccessor = led;
  }

  leaderChanged(id, offset) {
    this.journal.locate(offset);
    if (this.hearsSuccessor && !this.isIn) {
      this.hearsSuccessor = false;
      return;
    }
    if (!this.#isTold(`that ${id} leads`)) return;
    if (id === this.leaderId) this.#find('doubled event', `was told twice that ${id} leads`);
    this.leaderId = id;
  }

  /** Left, or lost and not recovered: what was told before does not count any more. */
  leaves() {
    Object.assign(this, { isIn: false, isDoubtful: false, leaderId: undefined, hearsSuccessor: false });
  }

  /** Whether it is in cannot be known until the next session_joined. */
  doubts() { Object.assign(this, { isIn: false, isDoubtful: true, leaderId: undefined }); }

  /** Is back with nothing missed, as the server says. */
  recovers(now) {
    this.since = now;
    this.#recoveredAt = now;
  }

  /** Since when something applied is due to it, or undefined. */
  dueSince() {
    if (!this.isIn || this.isDoubtful) return undefined;
    for (let number = this.last + 1; number <= this.journal.last; number++) {
      const entry = this.journal.entry(number);
      if (entry.state === 'applied') return Math.max(entry.since, this.since);
    }
    return undefined;
  }
}

/** The number that a playback state carries in its mediaId, 0 for none, -1 for one of another room. */
export function numberOf({ mediaId }, room) {
  if (mediaId === null) return 0;
  const [tag, number] = mediaId.split('.');
  return tag === room.tag ? Number(number) : -1;
}
