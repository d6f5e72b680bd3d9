// A session and who is in it: one of them plays, the others follow.
import { rest } from '../client/harness/http.mjs';
import { Journal } from './oracle.mjs';
import { Member } from './member.mjs';

const kLongUrl = `https://films.example/${'x'.repeat(1900)}`;
const kOrphaned = 2500; // ms without a leader, after which someone claims leadership
const kDoubt = 5000; // ms after a command whose outcome is unknown: by then the server has read it, or never will

let names = 0;

export class Room {
  #waiting = 0; // commands on their way
  #ledAt = 0;
  #inhabitedAt = Date.now();
  #quietUntil = 0;

  /** A room for about `size` members, whose leader sends something about every `every` ms. */
  constructor(world, { size, every }) {
    Object.assign(this, { world, size, every, members: new Set(), readers: new Set(), isOver: false,
      heldUpUntil: -Infinity, mediaUrl: '' });
    this.tag = `r${++names}`;
    this.name = this.tag;
    this.sessionId = `${this.tag}-${world.seed}`;
    this.journal = new Journal(this.name, world.findings, { logBytes: world.logBytes });
    this.#ledAt = Date.now();
  }

  /** Has the session made over REST for its first member, instead of by its joining. */
  async create(userId) {
    const answer = await rest(this.world.server, 'POST', '/api/sessions', { creatorId: userId, creatorName: 'Creator' })
      .catch((error) => ({ status: error.code ?? error.message }));
    if (answer.status === 201) {
      this.sessionId = answer.json().sessionId;
    } else if (!this.world.weather.excuse({ via: {} }, Date.now(), { isNew: true })) {
      this.world.findings.add('REST', `POST answered ${answer.status}; ${this.world.weather.describe(Date.now())}`);
    }
  }

  add(options) {
    const member = new Member(this.world, this, options);
    this.members.add(member);
    return member;
  }

  remove(member) {
    member.end();
    this.members.delete(member);
  }

  get loyal() { return [...this.members].filter((member) => !member.isTwin); }

  /** Lets the leader send what it sends now and then; to be called every `every` ms, more or less. */
  play() {
    const { random } = this.world;
    if (this.#waiting > 0 || this.isOver || Date.now() < this.#quietUntil) return;
    const leader = this.loyal.find((member) => member.leads);
    if (!leader) {
      this.#findLeader();
      return;
    }
    this.#ledAt = Date.now();
    const count = random.chance(0.05) ? random.int(5, 20) : 1;
    for (let i = 0; i < count; i++) this.send(leader, random.chance(0.1) ? 'load' : 'sync');
  }

  send(leader, kind, { isLong = this.world.random.chance(0.05) } = {}) {
    const { random } = this.world;
    const mediaUrl = isLong ? kLongUrl : `/films/${random.int(1, 9)}.mp4`;
    const data = kind === 'load'
      ? { mediaUrl, mediaTitle: 'A film', mediaDuration: 1e9 }
      : { isPlaying: random.chance(0.5), playbackRate: 1, ...(isLong || random.chance(0.3) ? { mediaUrl } : {}) };
    this.#waiting++;
    const { journal } = this;
    const number = journal.last + 1;
    leader.play(kind, data, () => {
      this.#waiting--;
      if (journal.entry(number).state === 'sent') this.#quietUntil = Date.now() + kDoubt;
    });
  }

  /** The present leader's user is gone for good, or nobody knows yet. */
  #findLeader() {
    if (Date.now() - this.#ledAt < kOrphaned) return;
    const able = this.loyal.filter((member) => member.isIn);
    if (able.length === 0) return;
    this.#ledAt = Date.now();
    this.world.random.pick(able).claim();
  }

  /** Asks for the session over REST: those who are in, and have been, must be listed. */
  async verify() {
    const before = this.loyal.filter((member) => member.isIn).map((member) => member.userId);
    const floor = this.journal.applied;
    const { findings, weather, server, figures } = this.world;
    const answer = await rest(server, 'GET', `/api/sessions/${encodeURIComponent(this.sessionId)}`)
      .catch((error) => ({ status: error.code ?? error.message }));
    if (answer.status !== 200) {
      const isExcused = weather.excuse({ via: {} }, Date.now(), { isNew: true }) && answer.status !== 404;
      if (before.length > 0 && !isExcused) {
        findings.add(answer.status === 404 ? 'lost session' : 'REST',
          `${this.name}: GET answered ${answer.status} with ${before.length} members; ${weather.describe(Date.now())}`);
      }
      return;
    }
    figures.lookups++;
    const { session } = answer.json();
    const listed = new Set(session.users.map((user) => user.id));
    const still = new Set(this.loyal.filter((member) => member.isIn).map((member) => member.userId));
    for (const userId of before) {
      if (!still.has(userId) || listed.has(userId)) continue;
      findings.add('lost user', `${this.name}: REST does not list ${userId}`);
    }
    const shown = Number(session.playbackState.mediaId?.split('.')[1] ?? 0);
    if (shown < Math.min(floor, this.journal.applied)) findings.add('stale snapshot', `${this.name}: REST shows ${shown} after ${floor}`);
  }

  check(now) {
    if (this.#isInhabited) this.#inhabitedAt = now;
    for (const member of this.members) member.check(now);
  }

  get #isInhabited() { return [...this.members].some((member) => member.isIn); }

  /** Somebody has joined, and was shown that number: a full zone evicts sessions that nobody is in. */
  noteJoin(shown) {
    if (shown === 0 && !this.#isInhabited && this.world.weather.wasFullSince(this.#inhabitedAt)) this.journal.restart();
  }

  get isLevel() { return this.#waiting === 0 && [...this.members].every((member) => member.isLevel); }

  /** Everyone goes; the session ends by itself. */
  close() {
    this.isOver = true;
    for (const reader of this.readers) reader.end();
    for (const member of [...this.members]) this.remove(member);
  }
}
