// Members on raw WebSockets that read slowly: never, a little at a time, or everything after a while.
import { setTimeout as sleep } from 'node:timers/promises';
import { frame, kClose, kText, rawWebSocket } from '../client/harness/raw.mjs';
import { numberOf, Witness } from './oracle.mjs';

const kForever = 2 ** 30;
const kHabits = {
  never: async (socket) => { socket.pause(); },
  little: async (socket, reader) => {
    while (!reader.isOver) {
      socket.pause();
      await sleep(900);
      socket.resume();
      await sleep(20);
    }
  },
  later: async (socket) => {
    socket.pause();
    await sleep(4000);
    socket.resume();
  },
};

export const habits = Object.keys(kHabits);

export class Reader {
  /** Joins `room` and reads as `habit` says, until it is told to end or the server has enough of it. */
  constructor(world, room, { userId, habit }) {
    Object.assign(this, { world, room, userId, habit, isOver: false });
    this.witness = new Witness(room.journal, { name: `${userId} (${habit})`, userId, isSlow: true });
    room.readers.add(this);
    this.ended = this.#live().catch((error) => {
      // What it is refused or when it is closed is no fault: it is what slow readers and full zones meet.
      this.world.figures.readerEnds++;
      this.reason = error.message;
    }).finally(() => this.end());
  }

  async #live() {
    const { world, room, userId } = this;
    this.raw = await rawWebSocket(world.server);
    if (this.isOver) return;
    this.witness.asks();
    this.raw.write(frame(kText, `42${JSON.stringify(['join_session', { sessionId: room.sessionId, userId,
      username: 'Slow' }])}`));
    world.figures.readers++;
    for (;;) {
      const next = await this.raw.frame(kForever);
      if (next === undefined || next.opcode === kClose) return;
      if (next.opcode === kText) this.#heard(next.payload.toString());
    }
  }

  #heard(text) {
    if (text === '2') this.raw.write(frame(kText, '3'));
    if (!text.startsWith('42')) return;
    const [event, data, offset] = JSON.parse(text.slice(2));
    const { witness, room } = this;
    const now = Date.now();
    switch (event) {
      case 'session_joined':
        witness.joined(numberOf(data.session.playbackState, room), data.session, now);
        kHabits[this.habit](this.raw.socket, this);
        break;
      case 'playback_sync':
      case 'media_loaded':
        this.world.figures.slowDelivered++;
        witness.hears(numberOf(data, room), now, { offset });
        break;
      case 'user_joined': witness.userJoined(data.userId, offset); break;
      case 'user_left': witness.userLeft(data.userId, offset); break;
      case 'leadership_changed': witness.leaderChanged(data.newLeaderId, offset); break;
      default: break;
    }
  }

  end() {
    if (this.isOver) return;
    this.isOver = true;
    this.raw?.destroy();
    this.room.readers.delete(this);
  }
}
