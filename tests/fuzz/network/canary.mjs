// Honest clients among hostile ones: each follower hears each thing that the leader says, once and in order.
import { connect, fence, join, waitFor } from '../../client/harness/client.mjs';
import { kPatience } from '../../client/harness/wait.mjs';

const kTransports = ['websocket', 'polling', 'upgrade'];

export class Canary {
  /** A session with a leader and a follower by each way. */
  static async start(server, sessionId = 'canary') {
    const canary = new Canary();
    canary.followers = [];
    canary.leader = await connect(server);
    await join(canary.leader, { sessionId, userId: 'canary-leader', username: 'Lea' });
    for (const transport of kTransports) {
      const follower = await connect(server, { transport });
      await join(follower, { sessionId, userId: `canary-${transport}`, username: 'Fred' });
      canary.followers.push(follower);
    }
    canary.heard = canary.followers.map(() => []);
    canary.followers.forEach((follower, i) => follower.on('playback_sync', ({ mediaUrl }) => canary.heard[i].push(mediaUrl)));
    return canary;
  }

  said = [];

  /** Says the next thing, and waits until all have heard it. */
  async sing() {
    const mediaUrl = `/canary/${this.said.length}`;
    this.said.push(mediaUrl);
    this.leader.emit('sync_playback', { position: 0, isPlaying: true, mediaUrl });
    await Promise.all(this.followers.map((follower) =>
      waitFor(follower, 'playback_sync', (sync) => sync.mediaUrl === mediaUrl, 2 * kPatience)));
    for (const socket of [this.leader, ...this.followers]) socket.inbox.length = 0;
  }

  /** A sentence on what was not heard once and in order, or null. */
  async fault() {
    const heard = this.heard.map((urls) => urls.join());
    await fence(this.leader, this.followers, 2 * kPatience);
    const wrong = heard.findIndex((urls) => urls !== this.said.join());
    return wrong === -1 ? null : `by ${kTransports[wrong]} was heard ${heard[wrong]}, and said ${this.said}`;
  }
}
