// What was lately done to the server, and what it excuses.
import { Trail } from './trail.mjs';

const kAfterKill = 10000; // ms in which clients of a killed worker notice
const kAfterCut = 25000; // as long as a client needs to miss pings
const kAfterFull = 5000;
const kUpgrade = 12000; // ms after its handshake in which a WebSocket may have been polling a moment ago
const kAfterReload = 15000; // for clients over TLS, which are sent away
const kAtReload = 3000; // a worker that has ended its work refuses those who had reached it before

export class Weather {
  constructor() {
    Object.assign(this, { killedAt: -Infinity, reloadedAt: -Infinity, stoppedAt: -Infinity, fullSince: Infinity,
      fullUntil: -Infinity, lateAt: -Infinity, late: 0, trail: new Trail() });
  }

  isFull(now) { return now >= this.fullSince && now <= this.fullUntil + kAfterFull; }

  /** Whether the zone was full at any time since then, so that sessions without members may have been evicted. */
  wasFullSince(then) { return this.fullSince !== Infinity && this.fullUntil + kAfterFull >= then; }

  /**
   * Why `member` may lose its connection at `now`, or be refused a new one (`isNew`); undefined when nothing excuses
   * it. A reload excuses no loss, but over TLS.
   */
  excuse(member, now, { isNew = false } = {}) {
    if (now - this.killedAt < kAfterKill) return 'a worker was killed';
    if (now - (member.via.cutAt ?? -Infinity) < kAfterCut) return 'its network failed';
    const polls = !member.isWebSocket || (member.transport === 'upgrade' && now - member.openedAt < kUpgrade);
    if (this.isFull(now) && (isNew || polls)) return 'the zone is full';
    if (!member.isWebSocket && now < member.room?.heldUpUntil) return 'slow readers hold its POST up';
    if (isNew && now - this.reloadedAt < kAtReload) return 'reload';
    if (!isNew && member.via.kind === 'tls' && member.isWebSocket && now - this.reloadedAt < kAfterReload) {
      return 'reload over TLS';
    }
    return undefined;
  }

  /** The soak itself was late by `ms`, as on a machine that is too busy: what clients miss then may be its own doing. */
  wasLate(ms, now) {
    Object.assign(this, { late: ms, lateAt: now });
    this.trail.note(now, `the soak itself ${ms} ms late`);
  }

  describe(now) {
    const ago = (what, then) => (Number.isFinite(then) && now - then < 60000 ? [`${what} ${now - then} ms ago`] : []);
    return [...ago('reload', this.reloadedAt), ...ago('kill', this.killedAt), ...ago('stop', this.stoppedAt),
      ...ago('zone full', this.fullSince), ...ago(`the soak itself ${this.late} ms late`, this.lateAt)].join(', ') || 'nothing was done lately';
  }
}
