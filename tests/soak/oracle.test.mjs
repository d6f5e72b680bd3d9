// The rules by which a soak run judges: each is broken once and must be found, and what is allowed must not.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { growth } from './growth.mjs';
import { isFault } from './log.mjs';
import { Findings, Journal, numberOf, parseOffset, Witness } from './oracle.mjs';
import { readOptions } from './options.mjs';
import { Random } from './random.mjs';
import { commandBytes, mustHold } from './retention.mjs';
import { compareIdle } from './samples.mjs';
import { Trail } from './trail.mjs';

const session = (users = { lea: true, me: true }, leaderId = 'lea') => ({ leaderId,
  users: Object.entries(users).map(([id, isConnected]) => ({ id, isConnected })) });

/** A journal with one member who has joined it, and the kinds of what is found. */
function scene({ isSlow = false, users } = {}) {
  const findings = new Findings();
  const journal = new Journal('room', findings);
  const member = (name = 'me') => {
    const witness = new Witness(journal, { name, userId: name, isSlow });
    witness.asks();
    witness.joined(journal.applied, session(users), 0);
    return witness;
  };
  const play = (...kinds) => kinds.map((kind) => journal.send(kind));
  const found = () => findings.list.map(({ kind }) => kind);
  return { journal, member, play, found, witness: member() };
}

describe('what members hear', () => {
  it('is in order when they hear each once', () => {
    const { journal, witness, play, found } = scene();
    for (const number of play('sync', 'load', 'sync')) {
      journal.apply(number, 1);
      witness.hears(number, 2);
    }
    assert.deepEqual(found(), []);
    assert.equal(witness.dueSince(), undefined);
  });

  it('is lost when an acknowledged one is missing', () => {
    const { journal, witness, play, found } = scene();
    const [first, second] = play('sync', 'sync');
    journal.apply(first, 1);
    witness.hears(second, 2);
    assert.deepEqual(found(), ['lost event']);
  });

  it('is lost when the acknowledgement of the missing one comes later', () => {
    const { journal, witness, play, found } = scene();
    const [first, second] = play('sync', 'sync');
    witness.hears(second, 1);
    assert.deepEqual(found(), []);
    journal.apply(first, 2);
    assert.deepEqual(found(), ['lost event']);
  });

  it('is lost when others have heard the missing one, whose acknowledgement was lost', () => {
    const { member, witness, play, found } = scene();
    const other = member('lea');
    const [first, second] = play('sync', 'sync');
    witness.hears(second, 1);
    other.hears(first, 1);
    assert.deepEqual(found(), ['lost event']);
  });

  it('need not hold what was refused, or never arrived', () => {
    const { journal, witness, play, found } = scene();
    const [first, , third] = play('sync', 'sync', 'sync');
    witness.hears(third, 1);
    journal.refuse(first);
    assert.deepEqual(found(), []);
  });

  it('may not hold what was refused', () => {
    for (const refusedFirst of [true, false]) {
      const { journal, witness, play, found } = scene();
      const [number] = play('sync');
      if (refusedFirst) journal.refuse(number);
      witness.hears(number, 1);
      if (!refusedFirst) journal.refuse(number);
      assert.deepEqual(found(), ['refused yet told']);
    }
  });

  it('is doubled when it comes twice, or late', () => {
    const { witness, play, found } = scene();
    const [first, second] = play('sync', 'sync');
    witness.hears(second, 1);
    witness.hears(second, 1);
    witness.hears(first, 1);
    assert.deepEqual(found(), ['doubled event', 'doubled event']);
  });

  it('is invented when nobody has sent it', () => {
    const { witness, found } = scene();
    witness.hears(1, 1);
    witness.hears(numberOf({ mediaId: 'other.1' }, { tag: 'room' }), 1);
    assert.deepEqual(found(), ['invented', 'invented']);
  });

  it('is due from when it was acknowledged, or from when the member was back', () => {
    const { journal, witness, play } = scene();
    const [number] = play('sync');
    assert.equal(witness.dueSince(), undefined);
    journal.apply(number, 5);
    assert.equal(witness.dueSince(), 5);
    witness.recovers(9);
    assert.equal(witness.dueSince(), 9);
    witness.hears(number, 10);
    assert.equal(witness.dueSince(), undefined);
  });

  it('is nothing of the session for one who has left', () => {
    const { witness, play, found } = scene();
    const [number] = play('sync');
    witness.leaves();
    witness.hears(number, 1);
    witness.userJoined('x');
    witness.userLeft('x');
    witness.leaderChanged('x');
    assert.deepEqual(found(), Array(4).fill('not in session'));
  });

  it('is not judged while nobody can know whether the member is in', () => {
    const { journal, witness, play, found } = scene();
    const [number] = play('sync');
    witness.doubts();
    witness.hears(number, 1);
    witness.userLeft('x');
    witness.joined(journal.applied, session(), 2);
    assert.deepEqual(found(), []);
    assert.equal(witness.isIn, true);
  });
});

describe('slow readers', () => {
  it('may miss what was superseded', () => {
    const { journal, witness, play, found } = scene({ isSlow: true });
    const numbers = play('sync', 'sync', 'sync');
    numbers.forEach((number) => journal.apply(number, 1));
    witness.hears(numbers[2], 2);
    assert.deepEqual(found(), []);
  });

  it('may not miss the newest of its kind', () => {
    const { journal, witness, play, found } = scene({ isSlow: true });
    const numbers = play('sync', 'sync', 'load');
    numbers.forEach((number) => journal.apply(number, 1));
    witness.hears(numbers[2], 2);
    assert.deepEqual(found(), ['lost event']);
  });

  it('may not miss what nothing supersedes, nor hear anything twice', () => {
    const { journal, witness, play, found } = scene({ isSlow: true });
    const numbers = play('sync', 'load', 'sync');
    numbers.forEach((number) => journal.apply(number, 1));
    witness.hears(numbers[2], 2);
    witness.hears(numbers[2], 2);
    assert.deepEqual(found(), ['lost event', 'doubled event']);
  });
});

describe('a superseded one that has left the log', () => {
  const kLog = 32768;
  const kLong = commandBytes('x'.repeat(1900), 'r1.100');
  const kFits = 14; // so many of them at least

  /** A member who has heard the first of `count` commands, each applied at its time, and the last one's number. */
  function gap({ count = kFits + 3, bytes = kLong, kinds = [], isSlow = false, at = () => 1000 } = {}) {
    const findings = new Findings();
    const journal = new Journal('room', findings, { logBytes: kLog });
    const witness = new Witness(journal, { name: 'me', userId: 'me', isSlow, story: (now) => `story at ${now}` });
    witness.joined(0, session(), 0);
    for (let number = 1; number <= count; number++) {
      journal.send(kinds[number - 1] ?? 'sync', { bytes, now: at(number) });
      journal.apply(number, at(number));
    }
    witness.hears(1, 1000);
    return { journal, witness, last: count, findings, found: () => findings.list.map(({ kind }) => kind) };
  }

  it('may be missing after a recovery, and only then', () => {
    const { witness, last, found, findings } = gap();
    witness.recovers(1100);
    witness.hears(3, 1200);
    assert.deepEqual(found(), []);
    assert.equal(findings.allowed, 1);
    const other = gap();
    other.witness.hears(3, 1200);
    assert.deepEqual(other.found(), ['lost event']);
    assert.equal(other.findings.allowed, 0);
    witness.hears(last, 1200); // the recovery is over with the first that was heard
    assert.deepEqual(found(), ['lost event']);
  });

  it('may not be missing while the log must hold it', () => {
    const { witness, last, found, findings } = gap({ count: kFits + 1 });
    witness.recovers(1100);
    witness.hears(last, 1200);
    assert.deepEqual(found(), ['lost event']);
    assert.match(findings.list[0].text, /never heard 2\.\.14: heard 1 \(no offset\) and then 15.*the log must hold it/);
    assert.match(findings.list[0].text, /recovered 100 ms ago.*story at 1200/);
    const short = gap({ count: 100, bytes: commandBytes('', 'r1.100') });
    short.witness.recovers(1100);
    short.witness.hears(3, 1200);
    assert.deepEqual(short.found(), ['lost event']);
  });

  it('may be missing with more in the log when memory is short', () => {
    const { witness, last, found } = gap({ count: 5 });
    witness.recovers(1100);
    witness.hears(last, 1200, { isScarce: true });
    assert.deepEqual(found(), []);
  });

  it('may not be missing when nothing has superseded it', () => {
    const { witness, last, found, findings } = gap({ kinds: ['sync', 'load', ...Array(kFits).fill('sync'), 'load'] });
    witness.recovers(1100);
    witness.hears(last, 1200);
    assert.deepEqual(found(), ['lost event']);
    assert.match(findings.list[0].text, /never heard 2\.\.16/); // the load; and the last two syncs are still there
    const newest = gap({ count: 3, kinds: ['sync', 'sync', 'load'] });
    newest.witness.recovers(1100);
    newest.witness.hears(3, 1200, { isScarce: true });
    assert.deepEqual(newest.found(), ['lost event']);
  });

  it('may not be missing when it came after the return', () => {
    const { witness, found } = gap({ at: (number) => (number === 1 ? 1000 : 9000) });
    witness.recovers(1100);
    witness.hears(3, 9100);
    assert.deepEqual(found(), ['lost event']);
  });

  it('may be missing for one whose poll nobody had to wait for', () => {
    for (const [now, polls, isAllowed] of [[1499, true, false], [1500, true, true], [1500, false, false]]) {
      const { witness, found } = gap();
      witness.hears(3, now, { polls });
      assert.deepEqual(found(), isAllowed ? [] : ['lost event'], `${now} ${polls}`);
    }
  });

  it('may be missing for one who polls at once, and has been behind for long', () => {
    const late = (number) => (number === 1 ? 1000 : 1400);
    for (const hadAll of [false, true]) {
      const { journal, witness, found } = gap({ at: late, count: hadAll ? 1 : undefined });
      for (let i = 0; hadAll && i < kFits + 2; i++) journal.apply(journal.send('sync', { bytes: kLong, now: 1400 }), 1400);
      witness.hears(3, 1600, { polls: true });
      assert.deepEqual(found(), hadAll ? ['lost event'] : []);
    }
  });

  it('is judged as it was when its acknowledgement comes later', () => {
    const findings = new Findings();
    const journal = new Journal('room', findings, { logBytes: kLog });
    const witness = new Witness(journal, { name: 'me', userId: 'me' });
    witness.joined(0, session(), 0);
    for (let i = 0; i < 3; i++) journal.send('sync', { bytes: kLong, now: 1000 });
    witness.hears(1, 1000);
    witness.recovers(1100);
    witness.hears(3, 1200);
    for (let i = 0; i < kFits; i++) journal.apply(journal.send('sync', { bytes: kLong, now: 1300 }), 1300);
    assert.deepEqual(findings.list, []);
    journal.apply(2, 1400);
    assert.deepEqual(findings.list.map(({ kind }) => kind), ['lost event']);
  });

  it('may be missing earlier when others came and went, whose offsets are known', () => {
    const { journal, witness, last, found } = gap({ count: kFits });
    witness.recovers(1100);
    for (let event = 2; event <= last; event++) journal.locate(`a-${(event * 2).toString(36)}`, event);
    for (let event = 0; event < 20; event++) journal.locate('a-5'); // the same, as each member hears of it
    assert.equal(journal.mustHold(2), true);
    for (let event = 3; event < 2 * last; event += 2) journal.locate(`a-${event.toString(36)}`);
    assert.equal(journal.mustHold(2), false);
    assert.equal(journal.mustHold(10), true);
    journal.locate('b-1'); // the session was made anew
    assert.equal(journal.mustHold(2), true);
    witness.hears(3, 1200);
    assert.deepEqual(found(), ['lost event']);
  });
});

describe('the log of a session', () => {
  it('must hold what fits its pages, wherever the first began', () => {
    for (const [limit, size, fits] of [[32768, 2024, 14], [16384, 2024, 6], [32768, 4000, 7], [32768, 96, 294]]) {
      assert.equal(mustHold(limit, Array(fits).fill(size)), true, `${size}`);
      assert.equal(mustHold(limit, Array(fits + 1).fill(size)), false, `${size}`);
    }
  });

  it('has offsets', () => {
    assert.deepEqual(parseOffset('1f-2a'), { log: '1f', event: 82 });
    for (const wrong of [undefined, '', '1f', '1f-2a-3', '-']) assert.equal(parseOffset(wrong), undefined);
  });
});

describe('trails', () => {
  it('tell what happened lately, in order, and numbers in a row as one', () => {
    const trail = new Trail();
    const other = new Trail();
    trail.note(1, 'old');
    trail.note(10, 'poll');
    other.note(15, 'kill 7');
    [4, 5, 6].forEach((number, i) => trail.heard(20 + i, number));
    trail.heard(23, 8);
    assert.equal(trail.describe(30, 25, other), '20 poll, 15 kill 7, 8 heard 4..6, 7 heard 8');
    assert.equal(trail.describe(1000, 25, other), 'nothing');
  });

  it('forget what is long ago', () => {
    const trail = new Trail({ kept: 2 });
    ['a', 'b', 'c'].forEach((text) => trail.note(1, text));
    assert.equal(trail.describe(1, 5), '0 b, 0 c');
  });
});

describe('snapshots', () => {
  it('hold what was acknowledged before joining', () => {
    const { journal, witness, play, found } = scene();
    const [first] = play('sync', 'sync');
    journal.apply(first, 1);
    witness.leaves();
    witness.asks();
    witness.joined(0, session(), 2);
    assert.deepEqual(found(), ['stale snapshot']);
  });

  it('hold nothing of a session that was evicted meanwhile, and what comes then', () => {
    const { journal, witness, play, found } = scene();
    const [first] = play('sync');
    journal.apply(first, 1);
    witness.leaves();
    witness.asks();
    journal.restart();
    witness.joined(0, session(), 2);
    journal.apply(first, 3); // its acknowledgement was late
    const [second, third] = play('sync', 'sync');
    witness.hears(third, 4);
    assert.deepEqual(found(), []);
    journal.apply(second, 5);
    assert.deepEqual(found(), ['lost event']);
  });

  it('may hold more, and what they hold is not told again', () => {
    const { journal, witness, play, found } = scene();
    const numbers = play('sync', 'sync');
    witness.leaves();
    witness.asks();
    witness.joined(numbers[1], session(), 2);
    assert.equal(journal.applied, numbers[1]);
    assert.deepEqual(found(), []);
    witness.hears(numbers[1], 3);
    assert.deepEqual(found(), ['doubled event']);
  });

  it('show what was told so far, no more and no less', () => {
    const { journal, witness, play, found } = scene();
    const numbers = play('sync', 'sync');
    numbers.forEach((number) => journal.apply(number, 1));
    witness.hears(numbers[0], 2);
    witness.snapshot(numbers[0], session(), 3);
    assert.deepEqual(found(), []);
    witness.snapshot(0, session(), 3);
    witness.snapshot(numbers[1], session(), 3);
    assert.deepEqual(found(), ['stale snapshot', 'early snapshot']);
  });

  it('have the leader of whom was told', () => {
    const { witness, found } = scene();
    witness.leaderChanged('me');
    witness.snapshot(0, session(undefined, 'me'), 1);
    assert.deepEqual(found(), []);
    witness.snapshot(0, session(undefined, 'lea'), 1);
    witness.leaderChanged('lea');
    assert.deepEqual(found(), ['wrong leader', 'doubled event']);
  });
});

describe('users', () => {
  it('come and go once, and may be in grace', () => {
    const { witness, found } = scene();
    witness.userJoined('x');
    witness.snapshot(0, session({ lea: true, me: true, x: false }), 1);
    witness.userLeft('x');
    witness.snapshot(0, session({ lea: true, me: true, x: false }), 1);
    witness.userJoined('x');
    assert.deepEqual(found(), []);
  });

  it('were known as disconnected and come back, told or not', () => {
    for (const isTold of [true, false]) {
      const { witness, found } = scene({ users: { lea: true, me: true, x: false } });
      if (isTold) witness.userJoined('x');
      witness.snapshot(0, session({ lea: true, me: true, x: true }), 1);
      assert.deepEqual(found(), []);
    }
  });

  it('do not come twice, nor go twice', () => {
    const { witness, found } = scene();
    witness.userJoined('x');
    witness.userJoined('x');
    witness.userLeft('x');
    witness.userLeft('x');
    witness.userJoined('me');
    assert.deepEqual(found(), ['doubled event', 'doubled event', 'own event', 'doubled event']);
  });

  it('do not come or vanish untold', () => {
    const { witness, found } = scene();
    witness.snapshot(0, session({ me: true, x: true }), 1);
    assert.deepEqual(found(), ['lost event', 'lost user']);
  });

  it('leave by another tab', () => {
    const { witness, found } = scene();
    witness.userLeft('me');
    assert.equal(witness.isIn, false);
    assert.deepEqual(found(), []);
    witness.leaderChanged('x');
    assert.deepEqual(found(), ['not in session']);
  });

  it('who led and leave by another tab hear who leads now, once', () => {
    const { witness, found } = scene();
    witness.leaderChanged('me');
    witness.userLeft('me');
    witness.leaderChanged('lea');
    assert.deepEqual(found(), []);
    witness.leaderChanged('me');
    assert.deepEqual(found(), ['not in session']);
  });
});

describe('growth', () => {
  const samples = (values) => values.map((size) => ({ size }));
  const bounds = { size: { share: 0.1, more: 5 } };

  it('is found between the second and the last quarter, beyond the bound', () => {
    const steady = growth(samples([1, 1, 100, 100, 100, 100, 115, 115]), bounds);
    assert.deepEqual(steady, { size: { early: 100, late: 115, isGrown: false } });
    assert.equal(growth(samples([1, 1, 100, 100, 100, 100, 116, 116]), bounds).size.isGrown, true);
    assert.deepEqual(growth(samples([1, 2, 3]), bounds), {});
  });

  it('of an idle server is found', () => {
    const idle = { zoneUsed: 0, masterDescriptors: 10, workerDescriptors: 40, masterMemory: 1e6, workerMemory: 5e6,
      workers: 2 };
    assert.deepEqual(compareIdle([idle, { ...idle }]), []);
    for (const more of [{ zoneUsed: 1 }, { masterDescriptors: 11 }, { workerDescriptors: 60 }, { masterMemory: 9e6 }]) {
      assert.equal(compareIdle([idle, { ...idle, ...more }]).length, 1, JSON.stringify(more));
    }
  });
});

describe('the error log', () => {
  const killed = new Set([7]);

  it('may hold the deaths that the soak caused', () => {
    for (const line of ['[alert] 1#1: worker process 7 exited on signal 9', '[notice] 1#1: exiting',
      '[alert] 1#1: shared memory zone "rooms" was locked by 7']) {
      assert.equal(isFault(line, killed), false, line);
    }
  });

  it('may hold no other', () => {
    for (const line of ['[alert] 1#1: worker process 8 exited on signal 9',
      '[notice] worker process 7 exited on signal 11', '[alert] 1#1: worker process 7 exited on signal 6', '[crit] x', '[emerg] x', '[info] open socket #9 left']) {
      assert.equal(isFault(line, killed), true, line);
    }
  });
});

describe('the run', () => {
  it('takes a duration, a seed, a count of workers and a log', () => {
    assert.deepEqual(readOptions(['2h', '--seed', '7', '--workers', '4', '--log', 'x']),
      { duration: 7200000, seed: 7, workers: 4, log: 'x', sessionLog: 32, focus: 'all' });
    const { sessionLog, focus } = readOptions(['--session-log', '16', '--focus', 'polling']);
    assert.deepEqual({ sessionLog, focus }, { sessionLog: 16, focus: 'polling' });
    assert.equal(readOptions([]).duration, 600000);
    for (const wrong of [['1d'], ['0s'], ['--seed'], ['--seed', 'x'], ['--workers', '0'], ['soon'],
      ['--session-log', '8'], ['--focus', 'x'], ['--focus', 'toString']]) {
      assert.throws(() => readOptions(wrong), /usage/, wrong.join(' '));
    }
  });

  it('makes the same choices from the same seed', () => {
    const choices = (seed) => {
      const random = new Random(seed);
      return Array.from({ length: 50 }, () => [random.int(1, 9), random.pick('abc'), random.weighted({ x: 1, y: 3 })]);
    };
    assert.deepEqual(choices(3), choices(3));
    assert.notDeepEqual(choices(3), choices(4));
  });
});
