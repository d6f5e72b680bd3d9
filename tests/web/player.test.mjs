// The player on an element that is moved by hand: which jumps count as the viewer's.
import assert from 'node:assert/strict';
import { setTimeout } from 'node:timers/promises';
import { describe, it } from '../client/harness/tests.mjs';
import { Element } from './element.mjs';

const { Player } = await import('../../web/mediasync/player.js');

const now = () => performance.now() / 1000;

/** A player that stands where the session does, and what it has taken for the viewer's doing. */
function standing(t) {
  const element = new Element();
  const commands = [];
  const nothing = () => {};
  const player = new Player(element, { serverTime: (at) => at }, {
    onMeasured: nothing, onBlocked: nothing, onStalled: nothing, onCorrection: nothing, onStuck: nothing,
    onUser: (change) => commands.push(change) > 0,
    live: { is: false, offset: 0, range: null },
  });
  player.follow({ position: 0, isPlaying: false, playbackRate: 1, lastUpdateTime: now() }, true);
  t.after(() => player.close());
  return { element, player, commands };
}

describe('a jump', () => {
  it("is the viewer's", (t) => {
    const { element, commands } = standing(t);
    element.jump(50);
    assert.deepEqual(commands, [{ position: 50 }]);
  });

  it("is nobody's when the element's own player has made it, also where it shows late where to", (t) => {
    const { element, player, commands } = standing(t);
    element.jump(50, { late: () => player.excuse() });
    assert.deepEqual(commands, []);
  });

  it("is the viewer's again after one of the element's own player", (t) => {
    const { element, player, commands } = standing(t);
    element.jump(50, { late: () => player.excuse() });
    element.jump(80);
    assert.deepEqual(commands, [{ position: 80 }]);
  });

  it("is the viewer's when it is over before anybody looks", (t) => {
    const { element, commands } = standing(t);
    element.currentTime = 50;
    element.dispatchEvent(new Event('seeking'));
    assert.deepEqual(commands, [{ position: 50 }]);
    element.currentTime = 20;
    element.dispatchEvent(new Event('canplay'));
    assert.deepEqual(commands, [{ position: 50 }, { position: 20 }]);
  });

  it('is none when the film has played meanwhile, or another has been opened', async (t) => {
    const { element, commands } = standing(t);
    element.playbackRate = 2;
    await setTimeout(50);
    element.currentTime = 0.3;
    element.dispatchEvent(new Event('canplay'));
    element.currentTime = 0;
    element.dispatchEvent(new Event('emptied'));
    element.currentTime = 50;
    element.dispatchEvent(new Event('loadedmetadata'));
    assert.deepEqual(commands.filter(({ position }) => position !== undefined), []);
  });
});
