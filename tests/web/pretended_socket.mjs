// A Socket.IO client that only pretends, and a session for it to tell of.
import { EventEmitter } from 'node:events';

/** Of Ann and Bob, who leads. */
export const kSession = {
  leaderId: 'bob', users: [{ id: 'ann', username: 'Ann', isConnected: true }, { id: 'bob', username: 'Bob', isConnected: true }],
  playbackState: { position: 0, isPlaying: false, playbackRate: 1, lastUpdateTime: 1_700_000_000 },
};

export class PretendedSocket extends EventEmitter {
  connected = false;
  active = true;
  sent = [];

  connect() {
    this.connected = true;
    this.hear('connect');
  }

  disconnect() { this.connected = false; }
  emit(event, ...data) { this.sent.push([event, ...data]); }
  hear(event, ...data) { super.emit(event, ...data); }
  count(event) { return this.sent.filter(([sent]) => sent === event).length; }
}
