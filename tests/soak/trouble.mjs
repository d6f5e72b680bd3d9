// What is done to the server and to its clients' network.
import { setTimeout as sleep } from 'node:timers/promises';
import { frame, kText, rawWebSocket } from '../client/harness/raw.mjs';
import { Attacker, Known } from '../fuzz/network/attacker.mjs';
import { Random } from './random.mjs';
import { habits, Reader } from './reader.mjs';
import { workersOf } from '../client/harness/processes.mjs';

const kPad = 'p'.repeat(7900); // the server keeps what a client gives with CONNECT, up to 8 KiB
const kMostFillers = 1500;
const kAttackers = 4;
const kMostAttack = 12000; // ms
const kBetweenSteps = 20; // ms
const kWave = 20000; // ms in which readers are slow; a POST waits 4 s for them, then its connection ends

/** Those that are about processes and stay away in calm times. */
export const violent = new Set(['reload', 'reloads', 'kill', 'stop']);

let users = 0;

export class Trouble {
  /** `world` also has server, generations, killed, proxies and rooms. */
  constructor(world) { this.world = world; }

  /** Does `name`, one of the troubles of a mix, and ends when it is over; what it does to others may last longer. */
  async make(name) {
    this.world.figures.count(`trouble ${name}`);
    await this[name]();
  }

  #note(text) { this.world.weather.trail.note(Date.now(), text); }

  #reloadOnce() {
    const { world } = this;
    const now = Date.now();
    world.generations.reloading(now);
    world.weather.reloadedAt = now;
    this.#note('reload');
    world.figures.reloads++;
    world.server.signal('SIGHUP');
  }

  async reload() { this.#reloadOnce(); }

  async reloads() {
    const { random } = this.world;
    for (let left = random.int(2, 4); left > 0; left--) {
      this.#reloadOnce();
      await sleep(random.int(30, 400));
    }
  }

  #victim() {
    const workers = workersOf(this.world.server.pid);
    return workers.length > 0 ? this.world.random.pick(workers).pid : undefined;
  }

  #signal(pid, signal) {
    try {
      process.kill(pid, signal);
      return true;
    } catch {
      return false; // has ended meanwhile
    }
  }

  async kill() {
    const { world } = this;
    const pid = this.#victim();
    if (pid === undefined) return;
    world.killed.add(pid);
    world.weather.killedAt = Date.now();
    this.#note(`kill ${pid}`);
    if (this.#signal(pid, 'SIGKILL')) world.figures.kills++;
  }

  async stop() {
    const { world } = this;
    const pid = this.#victim();
    if (pid === undefined || !this.#signal(pid, 'SIGSTOP')) return;
    world.weather.stoppedAt = Date.now();
    world.figures.stops++;
    const length = world.random.int(100, 900);
    this.#note(`stop ${pid} for ${length} ms`);
    setTimeout(() => this.#signal(pid, 'SIGCONT'), length);
  }

  async cut() {
    const { random, proxies } = this.world;
    const proxy = random.pick(proxies);
    if (proxy.isDown) return;
    proxy.cutAt = Date.now();
    proxy.admittedAt = Date.now();
    this.world.figures.cuts++;
    const how = random.pick(['cut', 'down', 'vanish']);
    this.#note(`${how} ${proxy.port}`);
    proxy[how]();
    if (how === 'cut') return;
    proxy.isDown = true;
    const length = random.int(100, 4000);
    proxy.cutAt += length;
    proxy.admittedAt += length;
    setTimeout(() => {
      proxy.isDown = false;
      proxy.admit();
    }, length);
  }

  /** Takes all memory of the zone for some seconds, by connections that give as much with CONNECT as they may. */
  async full() {
    const { world } = this;
    const fillers = [];
    world.weather.fullSince = Date.now();
    world.weather.fullUntil = Infinity;
    this.#note('full');
    try {
      for (let isFull = false; !isFull && fillers.length < kMostFillers;) {
        isFull = (await Promise.all(Array.from({ length: 8 }, () => this.#fill(fillers)))).includes(false);
      }
      world.figures.count('zone filled', fillers.length < kMostFillers ? 1 : 0);
      await sleep(world.random.int(1500, 4000));
    } finally {
      for (const filler of fillers) filler.destroy();
      world.weather.fullUntil = Date.now();
    }
  }

  /** One more connection; false when there is no room for it. */
  async #fill(fillers) {
    let filler;
    try {
      filler = await rawWebSocket(this.world.server, { bare: true });
    } catch {
      return false;
    }
    fillers.push(filler);
    filler.write(frame(kText, `40${JSON.stringify({ recovery: false, pad: kPad })}`));
    const answer = await filler.message((text) => text.startsWith('40') || text.startsWith('44')).catch(() => '');
    return answer.startsWith('40');
  }

  /** Slow readers join a room, whose leader then says more than sockets hold. */
  async wave() {
    const { world } = this;
    const room = world.random.pick(world.rooms.filter((one) => one.size >= 4 && one.size <= 8 && !one.isOver));
    const readers = Array.from({ length: world.random.int(3, 10) }, () =>
      new Reader(world, room, { userId: `slow${++users}`, habit: world.random.pick(habits) }));
    room.heldUpUntil = Date.now() + kWave;
    this.#note(`wave in ${room.name}`);
    await sleep(500);
    for (let i = 0; i < 6; i++) {
      const leader = room.loyal.find((member) => member.leads);
      if (leader && !room.isOver) {
        for (let n = 0; n < 40; n++) room.send(leader, world.random.chance(0.1) ? 'load' : 'sync', { isLong: true });
      }
      await sleep(700);
    }
    setTimeout(() => { for (const reader of readers) reader.end(); }, world.random.int(2000, 12000));
  }

  /** Clients that speak the protocols nearly right, for some seconds, and keep to sessions of their own. */
  async hostile() {
    const { random, server, figures } = this.world;
    const known = new Known({ onlyOwn: true });
    const end = Date.now() + random.int(3000, kMostAttack);
    const attackers = Array.from({ length: kAttackers }, () =>
      new Attacker(server, new Random(random.int(0, 2 ** 31)), known, kBetweenSteps));
    await Promise.all(attackers.map((one) => one.run(() => Date.now() > end)));
    for (const { steps } of attackers) figures.count('steps of hostile clients', steps);
  }
}
