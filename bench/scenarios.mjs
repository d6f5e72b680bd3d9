// What is measured, of whom, and which figures are of interest.
import { kDescriptors } from './contenders.mjs';

const kAll = ['floor', 'floor-batched', 'mediasync', 'nchan', 'node-ws', 'node-eiows'];
const kNode = ['node-ws', 'node-eiows'];

const cpu = (what) => ({ key: 'cpu_us', is: `CPU µs a ${what}` });
const p50 = { key: 'latency.p50_us', is: 'p50 µs' };
const p99 = { key: 'latency.p99_us', is: 'p99 µs' };
const most = { key: 'latency.max_us', is: 'max µs' };
const generator = { key: 'generator_cpu_us', is: 'generator' };
const kOfDeliveries = [cpu('delivery'), p50, p99, most, generator];
const perSecond = (what) => ({ key: 'per_second', is: `${what} a second`, isMoreBetter: true });

/**
 * `load` is the command line of the generator; `quick` is what is put after it for a short run. The first of `figures`
 * is the one that ratios and plots are of. `server` is where the server runs: processors, as taskset takes them.
 */
export const scenarios = {
  fanout: {
    is: 'One session of 1,000, 40 messages a second',
    of: kAll,
    load: ['fan-out', '--members', 1000, '--rate', 40, '--seconds', 10],
    quick: ['--seconds', 3],
    figures: kOfDeliveries,
  },
  'fanout-10k': {
    is: 'One session of 10,000, 4 messages a second',
    of: ['floor', 'floor-batched', 'mediasync', 'nchan'], // Node takes minutes to let so many join
    load: ['fan-out', '--members', 10000, '--rate', 4, '--seconds', 10, '--dialing', 32, '--patience', 60],
    quick: ['--seconds', 3],
    figures: kOfDeliveries,
  },
  'fanout-10': {
    is: 'One session of 10, 400 messages a second',
    of: kAll,
    load: ['fan-out', '--members', 10, '--rate', 400, '--seconds', 10],
    quick: ['--seconds', 3],
    figures: kOfDeliveries,
  },
  'fanout-max': {
    is: 'One session of 1,000, as many messages as arrive with p99 below 100 ms',
    of: kAll,
    load: ['fan-out-maximum', '--members', 1000, '--rate', 30, '--seconds', 2],
    quick: ['--seconds', 1],
    figures: [perSecond('deliveries'), cpu('delivery'), p99, generator],
  },
  small: {
    is: '200 sessions of 5, 10 messages a second each',
    of: kAll,
    load: ['fan-out', '--sessions', 200, '--members', 5, '--rate', 10, '--seconds', 10],
    quick: ['--seconds', 3],
    figures: kOfDeliveries,
  },
  'small-1000': {
    is: '1,000 sessions of 10, 2 messages a second each',
    of: kAll,
    load: ['fan-out', '--sessions', 1000, '--members', 10, '--rate', 2, '--seconds', 10],
    quick: ['--seconds', 3],
    figures: kOfDeliveries,
  },
  heartbeat: {
    is: 'Heartbeats of 1,000 connections, 10 a second each',
    of: ['floor', 'mediasync', ...kNode],
    load: ['heartbeat', '--sessions', 200, '--members', 5, '--rate', 10, '--seconds', 10],
    quick: ['--seconds', 3],
    figures: [cpu('round trip'), p50, p99, most, generator],
  },
  connect: {
    is: 'Connect and join, sessions of 5',
    of: ['floor', 'mediasync', 'nchan', ...kNode],
    load: ['connect', '--sessions', 2000, '--members', 5],
    quick: ['--sessions', 400],
    figures: [cpu('connection'), perSecond('connections'), generator],
  },
  join: {
    is: 'Joins into one session, up to 1,000',
    of: ['mediasync', ...kNode],
    load: ['join', '--members', 1000, '--patience', 60],
    quick: [],
    figures: [perSecond('joins'), { key: 'cpu_us_until_told', is: 'CPU µs a join' },
      { key: 'seconds_until_told', is: 's until all are told' }, generator],
  },
  'join-5000': {
    is: 'Joins into one session, up to 5,000',
    of: ['mediasync', ...kNode],
    load: ['join', '--members', 5000, '--patience', 200],
    quick: ['--members', 2000],
    figures: [perSecond('joins'), { key: 'cpu_us_until_told', is: 'CPU µs a join' },
      { key: 'seconds_until_told', is: 's until all are told' }, generator],
  },
  idle: {
    is: '10,000 idle members of sessions of 5',
    of: ['floor', 'mediasync', 'nchan', ...kNode],
    load: ['idle', '--sessions', 2000, '--members', 5],
    quick: ['--idle', 1],
    figures: [{ key: 'memory_each', is: 'bytes (PSS) a connection' },
      { key: 'shared_memory_each', is: 'of it zone' },
      { key: 'shared_memory_per_session', is: 'zone a session' }],
  },
  'idle-max': {
    is: 'As many idle members as there are descriptors, in sessions of 5',
    of: ['floor', 'mediasync', 'nchan', ...kNode],
    // NGINX takes idle connections away from others when only a sixteenth of worker_connections is left.
    load: ['idle', '--members', 5, '--sessions', Math.floor((kDescriptors * 15 / 16 - 300) / 5)],
    quick: ['--idle', 1],
    figures: [{ key: 'memory_each', is: 'bytes (PSS) a connection' }, { key: 'connections', is: 'connections' }],
  },
  reconnect: {
    is: '5,000 connections break at once and come back',
    of: ['floor', 'mediasync', 'nchan', ...kNode],
    load: ['reconnect', '--sessions', 1000, '--members', 5, '--dialing', 256],
    quick: ['--sessions', 200],
    figures: [cpu('connection'), perSecond('connections'), { key: 'seconds', is: 's until all are back' }, generator],
  },
  slow: {
    is: 'One session of 1,000, 40 messages a second, 50 of them do not read',
    of: kAll,
    load: ['slow-readers', '--members', 1000, '--slow', 50, '--rate', 40, '--seconds', 10],
    quick: ['--seconds', 3],
    figures: kOfDeliveries,
  },
  poll: {
    is: '200 sessions of 5, 2 messages a second each, members poll',
    of: ['mediasync', ...kNode],
    load: ['fan-out', '--transport', 'polling', '--sessions', 200, '--members', 5, '--rate', 2, '--seconds', 10],
    quick: ['--seconds', 3],
    figures: kOfDeliveries,
  },
  rest: {
    is: 'GET /api/sessions/:sessionId, sessions of 5',
    of: ['mediasync', ...kNode],
    load: ['rest', '--sessions', 100, '--members', 5, '--seconds', 5],
    quick: ['--seconds', 2],
    figures: [cpu('read'), perSecond('reads'), p50, p99, generator],
  },
  film: {
    is: 'A film by ranges of 256 KB, beside 200 sessions of 5 with 1 message a second each',
    of: ['mediasync', 'nchan'],
    load: ['film', '--film', '/films/film.mp4', '--sessions', 200, '--members', 5, '--rate', 1, '--seconds', 10],
    quick: ['--seconds', 3],
    figures: [{ key: 'with_messages.megabytes_per_second', is: 'MB a second', isMoreBetter: true },
      { key: 'without_messages.megabytes_per_second', is: 'without messages' },
      { key: 'with_messages.cpu_us_per_megabyte', is: 'CPU µs a MB' },
      { key: 'without_messages.cpu_us_per_megabyte', is: 'without messages' },
      { key: 'with_messages.latency.p99_us', is: 'p99 µs of a message' }],
  },
  hooks: {
    is: '200 sessions of 5, 10 messages a second each, which Lua is asked about',
    of: ['mediasync', 'hooks-none', 'hooks-idle', 'hooks-yielding'],
    load: ['fan-out', '--sessions', 200, '--members', 5, '--rate', 10, '--seconds', 10],
    quick: ['--seconds', 3],
    figures: kOfDeliveries,
  },
  spread: {
    is: 'One session of 1,000, 40 messages a second, its members on 1 or 2 workers of one core',
    of: ['mediasync', 'mediasync-2'],
    load: ['fan-out', '--members', 1000, '--rate', 40, '--seconds', 10],
    quick: ['--seconds', 3],
    figures: kOfDeliveries,
  },
  workers: {
    is: 'As many deliveries as arrive in time, 1 or 2 workers on two cores that they share with the generator',
    of: ['mediasync', 'mediasync-2'],
    load: ['fan-out-maximum', '--sessions', 200, '--members', 5, '--rate', 20, '--seconds', 2],
    quick: ['--seconds', 1],
    figures: [perSecond('deliveries'), cpu('delivery'), p99, generator],
    processors: '0,1',
  },
};
