// Everyone who uses the server: rooms of all sizes, with clients of several versions over all transports, who come and
// go.
import { Room } from './room.mjs';
import { habits, Reader } from './reader.mjs';
import { verify } from './verify.mjs';

/** Members, and about how many ms are between two commands of the leader. */
const kRooms = [
  [50, 1500], [24, 1200], [24, 1200], [16, 1000],
  ...Array(8).fill([8, 1500]), ...Array(15).fill([4, 2000]), ...Array(20).fill([2, 2500]), ...Array(15).fill([1, 3000]),
];
const kVersions = { '4.8.4': 60, '4.7.5': 10, '4.6.1': 8, '4.5.4': 7, '3.1.3': 5, '2.5.0': 10 };
const kSmall = 4;
const kAtATime = 12;

let users = 0;

export class Crowd {
  constructor(world) {
    Object.assign(this, { world, isOpen: false });
    world.rooms = [];
  }

  #options(userId = `u${++users}`) {
    const { random, ways, mix } = this.world;
    const kind = random.weighted(mix.ways);
    return { userId, version: random.weighted(kVersions), transport: random.weighted(mix.transports),
      via: kind === 'proxy' ? random.pick(this.world.proxies) : ways[kind], deflate: random.chance(0.3) };
  }

  async #open(size, every) {
    const { world } = this;
    const room = new Room(world, { size, every });
    const first = this.#options();
    if (world.random.chance(0.5)) await room.create(first.userId);
    if (!this.isOpen) return room;
    room.add(first);
    for (let i = 1; i < size; i++) room.add(this.#options());
    if (size >= 8) {
      for (const habit of habits) new Reader(world, room, { userId: `s${++users}`, habit });
    }
    world.rooms.push(room);
    return room;
  }

  async open() {
    this.isOpen = true;
    let left = 0;
    for (const [size, every] of kRooms) {
      const room = await this.#open(size, every);
      left += size;
      if (left < kAtATime) continue;
      left = 0;
      await this.world.until(() => room.loyal.every((member) => member.isIn), 20000);
    }
  }

  /** The leaders play, a member does something, a room is replaced by another, one is looked at: a moment's life. */
  live(elapsed) {
    const { world } = this;
    for (const room of world.rooms) {
      if (world.random.chance(elapsed / (room.every * world.pace))) room.play();
    }
    if (world.random.chance(elapsed / (400 * world.pace))) this.#stir();
    if (world.random.chance(elapsed / (5000 * world.pace))) this.#replaceRoom();
    if (world.random.chance(elapsed / (500 * world.pace))) world.random.pick(world.rooms).verify();
  }

  #stir() {
    const { random, rooms, figures } = this.world;
    const room = random.pick(random.chance(0.5) ? rooms.filter(({ size }) => size >= 8) : rooms);
    const able = room.loyal.filter((member) => member.isIn);
    if (able.length === 0) return;
    const member = random.pick(able);
    const later = (low, high, act) => setTimeout(() => { if (!room.isOver) act(); }, random.int(low, high));
    const deeds = {
      leave: () => member.leave(() => later(200, 2000, () => member.join())),
      goodbye: () => {
        room.remove(member);
        later(200, 5000, () => room.add(this.#options()));
      },
      tab: () => {
        const tab = room.add(this.#options(member.userId));
        tab.isTwin = true;
        later(3000, 10000, () => room.remove(tab));
      },
      again: () => member.join(),
      state: () => member.lookAround(),
      chat: () => member.chat(),
    };
    const deed = random.weighted({ leave: 25, goodbye: 15, tab: 10, again: 10, state: 25, chat: 15 });
    figures.count(`deed ${deed}`);
    deeds[deed]();
  }

  #replaceRoom() {
    const { random, rooms, figures } = this.world;
    const old = random.pick(rooms.filter(({ size }) => size <= kSmall));
    rooms.splice(rooms.indexOf(old), 1);
    old.close();
    figures.count('rooms ended');
    this.#open(old.size, old.every);
  }

  check(now) { for (const room of this.world.rooms) room.check(now); }

  /** What everyone has been told is compared with what the server says, once all is quiet. */
  verify() { return verify(this.world); }

  close() {
    this.isOpen = false;
    for (const room of this.world.rooms) room.close();
    this.world.rooms = [];
  }
}
