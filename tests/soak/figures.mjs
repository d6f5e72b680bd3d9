// Counts of what happened, for a line a minute and the table at the end.

const kMega = (bytes) => `${(bytes / 2 ** 20).toFixed(1)} MB`;

export class Figures {
  #counts = new Map();
  #longest = new Map();

  constructor() {
    Object.assign(this, { start: Date.now(), events: 0, delivered: 0, slowDelivered: 0, commands: 0, acknowledged: 0,
      refusals: 0, recoveries: 0, snapshots: 0, disconnects: 0, reloads: 0, kills: 0, stops: 0, cuts: 0, lookups: 0,
      readers: 0, readerEnds: 0 });
  }

  count(name, more = 1) { this.#counts.set(name, (this.#counts.get(name) ?? 0) + more); }

  longest(name, ms) { this.#longest.set(name, Math.max(this.#longest.get(name) ?? 0, ms)); }

  line({ findings, generations, samples, pace, cpu }) {
    const now = samples.at(-1);
    return `${Math.round((Date.now() - this.start) / 60000)} min: ${this.reloads} reloads, ${this.kills} kills, ` +
      `${this.cuts} cuts, ${this.acknowledged} commands, ${this.delivered} deliveries, ${this.recoveries} recovered, ` +
      `${this.snapshots} joined again, generations ${generations.most}, old ${generations.longestLife} ms` +
      `${now ? `, ${now.connections} connections, zone ${kMega(now.zoneUsed)}, workers ${kMega(now.workerMemory)}, ` +
        `fds ${now.masterDescriptors}+${now.workerDescriptors}` : ''}, ` +
      `cpu ${(cpu ?? 0).toFixed(2)} pace ${pace.toFixed(1)}, ${findings.count} findings`;
  }

  table({ findings, generations, idle, last, samples }, grown) {
    const mean = (name) => (samples.reduce((sum, one) => sum + one[name], 0) / (samples.length || 1)).toFixed(2);
    const rows = [
      ['time', `${Math.round((Date.now() - this.start) / 1000)} s`],
      ['connections and sessions, mean', `${mean('connections')}, ${mean('sessions')}`],
      ['cores in use by server and clients, mean', mean('cpu')],
      ['reloads', this.reloads], ['workers killed', this.kills], ['workers stopped for a moment', this.stops],
      ['networks cut', this.cuts],
      ...[...this.#counts].sort(),
      ['commands of clients', this.commands], ['of them refused', this.refusals],
      ['plays and loads acknowledged', this.acknowledged],
      ['their deliveries verified', this.delivered], ['to slow readers', this.slowDelivered],
      ['events of all kinds verified', this.events], ['sessions looked up over REST', this.lookups],
      ['connections lost', this.disconnects], ['recovered', this.recoveries], ['joined again', this.snapshots],
      ['superseded, gone from the log unheard', findings.allowed],
      ['slow readers', this.readers],
      ['handovers', last.handovers_total], ['superseded, skipped for slow readers', last.skipped_total],
      ['slow readers overrun', last.overruns_total], ['repairs', last.repairs_total],
      ...[...this.#longest].map(([name, ms]) => [`longest ${name}`, `${ms} ms`]),
      ['longest life of an old worker', `${generations.longestLife} ms`],
      ['most generations at a time', generations.most],
      ...Object.entries(grown).map(([name, { early, late }]) =>
        [`${name}, second and last quarter`, `${early} → ${late}`]),
      ...['masterMemory', 'workerMemory', 'masterDescriptors', 'workerDescriptors', 'zoneUsed'].map((name) =>
        [`${name} when idle, first and last`, `${idle[0]?.[name]} → ${idle.at(-1)?.[name]}`]),
      ['findings', findings.count],
    ];
    return rows.map(([name, value]) => `${String(name).padEnd(44)} ${value}`).join('\n');
  }
}
