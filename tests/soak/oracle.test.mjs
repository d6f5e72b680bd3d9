// The rules by which a soak run judges: each is broken once and must be found, and what is allowed must not.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { growth } from './growth.mjs';
import { isFault } from './log.mjs';
import { Findings, Journal, numberOf, Witness } from './oracle.mjs';
import { readOptions } from './options.mjs';
import { Random } from './random.mjs';
import { compareIdle } from './samples.mjs';

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

  it('may not miss what nothing supersedes, nor hear anything twice', () => {
    const { journal, witness, play, found } = scene({ isSlow: true });
    const numbers = play('sync', 'load', 'sync');
    numbers.forEach((number) => journal.apply(number, 1));
    witness.hears(numbers[2], 2);
    witness.hears(numbers[2], 2);
    assert.deepEqual(found(), ['lost event', 'doubled event']);
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
      { duration: 7200000, seed: 7, workers: 4, log: 'x' });
    assert.equal(readOptions([]).duration, 600000);
    for (const wrong of [['1d'], ['0s'], ['--seed'], ['--seed', 'x'], ['--workers', '0'], ['soon']]) {
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
