// Opening a film, and opening it again for as long as it may come back. The element, the server and the time are simulated.
import assert from 'node:assert/strict';
import { mock } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { after, before, describe, it } from '../client/harness/tests.mjs';
import { Film } from '../../web/mediasync/film.js';

const kFilm = { mediaUrl: 'http://films/one.mp4' };
const kReset = new Error('net::ERR_CONNECTION_RESET');

class FakeMedia extends EventTarget {
  error = null;
  readyState = 0;

  /** Dies as elements do. */
  die(code) {
    this.error = { code };
    this.dispatchEvent(new Event('error'));
  }
}

/** A film, what it told, and what the server answers: `answers` has a status, or null for none, for each question. */
function stage({ outcomes, answers = [], source }) {
  const media = new FakeMedia();
  const told = [];
  const films = [];
  const load = async (state, element, film) => {
    films.push(film);
    const outcome = outcomes.length > 1 ? outcomes.shift() : outcomes[0];
    if (outcome instanceof Error) throw outcome;
    if (outcome === 'hangs') await new Promise(() => {});
    element.error = null;
    element.readyState = 4;
    return source;
  };
  globalThis.fetch = async () => {
    const status = answers.length > 1 ? answers.shift() : answers[0];
    if (!status) throw new TypeError('Failed to fetch');
    return { status };
  };
  const film = new Film(media, load, {
    onOpened: () => told.push('opened'),
    onLost: () => told.push('lost'),
    onTrouble: ({ kind }) => told.push(kind),
    onMended: () => told.push('mended'),
    onMoved: () => told.push('moved'),
  });
  return { media, told, films, film };
}

/** Lets promises go on, and then `ms` pass. */
async function pass(ms = 0) {
  for (let i = 0; i < 5; i++) await turn();
  mock.timers.tick(ms);
  for (let i = 0; i < 5; i++) await turn();
}

describe('a film', () => {
  const { fetch } = globalThis;
  before(() => mock.timers.enable({ apis: ['setTimeout'] }));
  after(() => {
    mock.timers.reset();
    globalThis.fetch = fetch;
  });

  it('is opened once', async () => {
    const { told, film, films } = stage({ outcomes: ['opens'] });
    film.open(kFilm);
    await pass(60000);
    assert.deepEqual(told, ['opened']);
    assert.equal(films.length, 1);
    assert.ok(film.isOpen);
    film.close();
  });

  it('is opened again and again while the server cannot be reached, with longer and longer rests, and told of once', async () => {
    const { told, film, films } = stage({ outcomes: [kReset], answers: [null] });
    film.open(kFilm);
    const counts = [];
    for (let second = 0; second < 120; second++) {
      await pass(1000);
      counts.push(films.length);
    }
    assert.deepEqual(told.filter((one) => one !== 'lost'), ['network']);
    assert.ok(counts[9] >= 3 && counts[9] <= 6, `${counts[9]} in 10 s`);
    assert.ok(counts[119] - counts[59] >= 3 && counts[119] - counts[59] <= 6, `${counts[119] - counts[59]} in the second minute`);
    film.close();
  });

  it('comes back when it can be had again', async () => {
    const { told, film } = stage({ outcomes: [kReset, kReset, 'opens'], answers: [null] });
    film.open(kFilm);
    for (let i = 0; i < 10; i++) await pass(1000);
    assert.deepEqual(told.filter((one) => one !== 'lost'), ['network', 'opened', 'mended']);
    assert.equal(film.trouble, null);
    film.close();
  });

  for (const [what, { error, answers, kind }] of Object.entries({
    'a server that is overloaded': { error: { code: 4 }, answers: [503], kind: 'network' },
    'a server that answers nothing': { error: { code: 4 }, answers: [null], kind: 'network' },
    'a network that fails in the middle': { error: { code: 2 }, answers: [200], kind: 'network' },
    'a film that is not there': { error: { code: 4 }, answers: [404], kind: 'missing' },
    'a film that this viewer does not get': { error: { code: 4 }, answers: [403], kind: 'missing' },
    'a film that this browser cannot play': { error: { code: 4 }, answers: [200], kind: 'unsupported' },
    'a server that sends pieces': { error: { code: 4 }, answers: [206], kind: 'unsupported' },
    'a source that knows the kind': { error: { kind: 'network' }, answers: [200], kind: 'network' },
    'a source that knows the status': { error: { status: 404 }, answers: [200], kind: 'missing' },
  })) {
    it(`tells what is the matter: ${what}`, async () => {
      const { told, film, films } = stage({ outcomes: [Object.assign(new Error(what), error)], answers });
      film.open(kFilm);
      await pass();
      const opened = films.length;
      for (let i = 0; i < 30; i++) await pass(1000);
      assert.deepEqual(told.filter((one) => one !== 'lost'), [kind]);
      assert.equal(film.isOpen, false);
      assert.equal(opened, 1);
      assert.equal(films.length, { network: films.length, missing: 1, unsupported: 3 }[kind], `opened ${films.length} times`);
      assert.ok(kind !== 'network' || films.length > 3);
      film.close();
    });
  }

  it('is tried again at once when asked, also when it can never play', async () => {
    const { told, film, films } = stage({ outcomes: [Object.assign(new Error(), { code: 4 }), 'opens'], answers: [404] });
    film.open(kFilm);
    await pass();
    film.retry();
    await pass();
    assert.equal(films.length, 2);
    assert.deepEqual(told, ['lost', 'missing', 'opened', 'mended']);
    film.retry();
    await pass();
    assert.equal(films.length, 2, 'nothing is opened again that is well');
    film.close();
  });

  it('that dies while it plays is opened anew', async () => {
    const { media, told, film } = stage({ outcomes: ['opens'], answers: [200] });
    film.open(kFilm);
    await pass();
    media.die(2);
    await pass(1500);
    assert.deepEqual(told, ['opened', 'lost', 'network', 'opened', 'mended']);
    film.close();
  });

  it('that is damaged is opened anew twice, and then told of', async () => {
    const { media, told, film } = stage({ outcomes: ['opens'], answers: [200] });
    film.open(kFilm);
    await pass();
    for (let i = 0; i < 3; i++) {
      media.die(3);
      await pass();
      if (i < 2) await pass(3000);
    }
    assert.equal(told.at(-1), 'unsupported');
    film.close();
  });

  it('goes on by its source where that can', async () => {
    const recoveries = [];
    const source = { recover: ({ kind }) => recoveries.push(kind) };
    const { told, film, films } = stage({ outcomes: ['opens'], source });
    film.open(kFilm);
    await pass();
    films[0].fail({ kind: 'network' });
    await pass(1500);
    assert.deepEqual(recoveries, ['network']);
    assert.equal(films.length, 1);
    films[0].mended();
    assert.deepEqual(told, ['opened', 'network', 'mended']);
    film.close();
  });

  it('that gets no answer at all is asked for anew', async () => {
    const { told, film, films } = stage({ outcomes: ['hangs'], answers: [null] });
    film.open(kFilm);
    assert.ok(film.isOpening);
    await pass(30000);
    assert.equal(told.at(-1), 'network');
    await pass(2000);
    assert.equal(films.length, 2);
    assert.ok(films[0].signal.aborted);
    film.close();
  });

  it('waits while somebody else opens films in the element', async () => {
    const { told, film, films } = stage({ outcomes: [kReset, 'opens'], answers: [null] });
    film.open(kFilm);
    await pass();
    film.suspend();
    await pass(60000);
    assert.equal(films.length, 1);
    film.resume();
    await pass();
    assert.deepEqual([films.length, told.at(-1)], [2, 'mended']);
    film.close();
  });

  it('of a source that recovers is not mended by what still plays', async () => {
    const { media, told, film, films } = stage({ outcomes: ['opens'], source: { recover: () => true } });
    film.open(kFilm);
    await pass();
    films[0].fail({ kind: 'network' });
    await pass();
    media.dispatchEvent(new Event('playing'));
    assert.deepEqual(told, ['opened', 'network']);
    film.close();
  });

  it('is let go at once by close(), and what still comes of it is nobody’s', async () => {
    const { told, film, films } = stage({ outcomes: ['hangs'] });
    film.open(kFilm);
    film.close();
    assert.ok(films[0].signal.aborted);
    films[0].fail({ kind: 'network' });
    films[0].mended();
    await pass(60000);
    assert.deepEqual(told, []);
    assert.equal(films.length, 1);
  });

  it('that was replaced tells nothing any more', async () => {
    const { told, film, films } = stage({ outcomes: [kReset, 'opens'], answers: [null] });
    film.open(kFilm);
    film.open({ mediaUrl: 'http://films/two.mp4' });
    await pass(60000);
    assert.deepEqual(told, ['opened']);
    assert.ok(films[0].signal.aborted);
    film.close();
  });
});
