// What a session's members must have been told: a journal of what its leaders sent, and a witness for each member. No
// sockets and no clock: whoever runs it says what happened and when.

/** What was found wrong, in the order of finding; the first `kept` are kept with their text, all are counted. */
export class Findings {
  constructor({ kept = 200, report = () => {} } = {}) {
    Object.assign(this, { kept, report, count: 0, list: [] });
  }

  add(kind, text) {
    this.count++;
    if (this.list.length < this.kept) this.list.push({ kind, text });
    this.report(kind, text);
  }
}

/**
 * The commands of a session's leaders, numbered from 1 in the order of sending. One is *applied* when it was
 * acknowledged or any member has heard of it, *refused* when the server said so, and unknown before and when its answer
 * was lost with the connection. It is *gone* when the server has evicted the session since.
 */
export class Journal {
  #entries = [null];

  constructor(name, findings) { Object.assign(this, { name, findings, applied: 0 }); }

  /** The number of the last one sent. */
  get last() { return this.#entries.length - 1; }

  /** `kind` is 'sync', which a newer command supersedes, or 'load', which nothing does. Returns the number. */
  send(kind) {
    this.#entries.push({ kind, state: 'sent', since: 0, skipped: [] });
    return this.last;
  }

  entry(number) { return this.#entries[number]; }

  apply(number, now) {
    const entry = this.#entries[number];
    if (entry.state === 'applied' || entry.state === 'gone') return;
    if (entry.state === 'refused') this.findings.add('refused yet told', `${this.name}: ${number} was refused`);
    Object.assign(entry, { state: 'applied', since: now });
    this.applied = Math.max(this.applied, number);
    for (const witness of entry.skipped) witness.missed(number);
    entry.skipped = [];
  }

  /** The session was evicted, and is made anew. */
  restart() {
    for (const entry of this.#entries.slice(1)) Object.assign(entry, { state: 'gone', skipped: [] });
    this.applied = 0;
  }

  refuse(number) {
    const entry = this.#entries[number];
    if (entry.state === 'gone') return;
    if (entry.state === 'applied') this.findings.add('refused yet told', `${this.name}: ${number} was told before`);
    else Object.assign(entry, { state: 'refused', skipped: [] });
  }
}

const kHere = 'here';
const kMaybe = 'maybe'; // listed as disconnected: in grace, or given up

/**
 * What one member hears of a session. `isSlow` is for readers whose socket stays full: they alone may miss a 'sync'
 * that was superseded.
 */
export class Witness {
  #users = new Map(); // by id: kHere or kMaybe; those who are gone are not in it
  #floor = 0;

  constructor(journal, { name, userId, isSlow = false }) {
    Object.assign(this, { journal, name, userId, isSlow, isIn: false, isDoubtful: false, last: 0, heard: 0,
      leaderId: undefined, since: 0 });
  }

  #find(kind, text) { this.journal.findings.add(kind, `${this.journal.name}, ${this.name}: ${text}`); }

  missed(number) { this.#find('lost event', `never heard ${number}`); }

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

  /** playback_sync or media_loaded with that number. */
  hears(number, now) {
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
    for (let between = this.last + 1; between < number; between++) this.#skip(between);
    this.last = number;
    this.since = now;
    this.journal.apply(number, now);
  }

  #skip(number) {
    const entry = this.journal.entry(number);
    if (this.isSlow && entry.kind === 'sync') return;
    if (entry.state === 'applied') this.missed(number);
    else if (entry.state === 'sent') entry.skipped.push(this); // to be judged when it turns out what became of it
  }

  userJoined(id) {
    if (!this.#isTold(`that ${id} joined`)) return;
    if (id === this.userId) this.#find('own event', 'was told that it joined itself');
    if (this.#users.get(id) === kHere) this.#find('doubled event', `was told twice that ${id} joined`);
    this.#users.set(id, kHere);
  }

  /**
   * Its own leaving comes from another tab of the user, and ends its membership. When the user led, who leads now is
   * the last that it is told.
   */
  userLeft(id) {
    if (!this.#isTold(`that ${id} left`)) return;
    if (!this.#users.delete(id)) this.#find('doubled event', `was told that ${id} left, who was not there`);
    if (id !== this.userId) return;
    const led = this.leaderId === id;
    this.leaves();
    this.hearsSuccessor = led;
  }

  leaderChanged(id) {
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
  recovers(now) { this.since = now; }

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
