// What a client may say, by a seed: packets of Socket.IO that are right, and what becomes of bytes that are tampered with.

const kIds = ['canary', 'one', 'two', 'three', 'e'.repeat(128), 'né', 'a/b', ''];
const kUsers = ['ann', 'bob', 'cleo', 'u'.repeat(128), 'leader', ''];
const kNumbers = [0, -0, 1, 0.5, -1, 1e-9, 86400, 1e15, 2 ** 53, -1e308, 1e308, null, '7', true];
const kEvents = ['join_session', 'leave_session', 'heartbeat', 'sync_playback', 'load_media', 'set_playback_rate',
  'request_session_state', 'report_buffering', 'report_desync', 'update_user', 'no_such_event', '', 'connect', 'error'];
// As documented, so that what follows has a session to be wrong in.
const right = {
  join_session: (random, known) => ({ sessionId: random.pick(known.sessions.length > 0 && random.chance(0.3) ? known.sessions : kIds.slice(0, 5)),
    userId: random.pick(kUsers.slice(0, 5)), username: 'N' }),
  sync_playback: (random) => ({ position: random.int(0, 1000), isPlaying: random.chance(0.5), ...(random.chance(0.3) ? { mediaUrl: `/films/${random.int(0, 9)}` } : {}) }),
  load_media: (random) => ({ mediaUrl: `/films/${'m'.repeat(random.int(1, 1000))}`, mediaId: 'm', title: 't', duration: 100 }),
  request_session_state: () => ({}),
  report_buffering: (random) => ({ isBuffering: random.chance(0.5) }),
  leave_session: () => ({}),
  heartbeat: () => ({}),
};

function number(random) { return random.pick(kNumbers); }

function argument(random, known) {
  const text = random.chance(0.02) ? 'x'.repeat(random.int(1, 200000)) : random.pick(kIds);
  const all = {
    sessionId: random.pick(known.sessions.length > 0 && random.chance(0.5) ? known.sessions : kIds),
    userId: random.pick(kUsers), username: text || 'n', position: number(random), isPlaying: random.chance(0.5),
    playbackRate: number(random), mediaUrl: `/films/${text}`, mediaId: text, title: text, duration: number(random),
    isBuffering: random.chance(0.5), localPosition: number(random), avatar: random.chance(0.1) ? { deep: [text] } : text,
    secret: text.padEnd(8, 's'), clientTime: number(random), pid: text, offset: text,
  };
  const chosen = {};
  for (const [key, value] of Object.entries(all)) if (random.chance(0.6)) chosen[key] = value;
  // Most are to get past the rule that each field which is required is there.
  if (random.chance(0.8)) Object.assign(chosen, { sessionId: all.sessionId, userId: all.userId || 'u', username: 'n', position: 1, isPlaying: true });
  return chosen;
}

/** CONNECT, also of somebody else's connection that is to come back. */
export function connectPacket(random, known) {
  if (random.chance(0.5)) return '0';
  const auth = random.chance(0.7) && known.recoveries.length > 0
    ? random.pick(known.recoveries) : { pid: random.pick(kUsers), offset: random.pick(kIds), token: 'x'.repeat(random.int(0, 300)) };
  return `0${random.chance(0.2) ? '/admin,' : ''}${JSON.stringify(auth)}`;
}

function rightPacket(random, known) {
  const name = random.weighted({ join_session: 4, sync_playback: 3, load_media: 1, request_session_state: 1, report_buffering: 1,
    leave_session: 0.5, heartbeat: 1 });
  return `2${random.chance(0.4) ? random.int(0, 1e6) : ''}${JSON.stringify([name, right[name](random, known)])}`;
}

function eventPacket(random, known) {
  const id = random.chance(0.4) ? random.int(0, 1e6) : '';
  const args = Array.from({ length: random.int(0, 3) }, () => argument(random, known));
  if (random.chance(0.7)) args.splice(0, args.length, argument(random, known));
  return `2${random.chance(0.05) ? '/chat,' : ''}${id}${JSON.stringify([random.pick(kEvents), ...args])}`;
}

function binaryPacket(random) {
  const count = random.int(0, 12);
  const holders = Array.from({ length: count }, (_, num) => ({ _placeholder: true, num: random.chance(0.9) ? num : random.int(-1, 99) }));
  return `5${count}-${JSON.stringify([random.pick(kEvents), ...holders])}`;
}

/** The text of one packet of Engine.IO, mostly a message. */
export function packet(random, known) {
  switch (random.weighted({ right: 14, event: 6, connect: 2, disconnect: 0.2, binary: 1, ack: 0.5, ping: 1, probe: 0.2, close: 0.1, noise: 0.4 })) {
    case 'right': return `4${rightPacket(random, known)}`;
    case 'event': return `4${eventPacket(random, known)}`;
    case 'connect': return `4${connectPacket(random, known)}`;
    case 'disconnect': return '41';
    case 'binary': return `4${binaryPacket(random)}`;
    case 'ack': return `43${random.int(0, 100)}${JSON.stringify([{}])}`;
    case 'ping': return random.pick(['2', '3', '2probe', '3probe', '6']);
    case 'probe': return '5';
    case 'close': return '1';
    default: return Array.from({ length: random.int(0, 40) }, () => random.pick(['4', '2', '[', ']', '{', '"', ',', '\u001e', 'b', '0', 'é', '\ud83c\udfac'])).join('');
  }
}

/** The same bytes with some of them changed, left out, doubled or moved. */
export function tamper(random, bytes) {
  const out = Buffer.from(bytes);
  if (out.length === 0) return out;
  const at = random.int(0, out.length - 1);
  const size = Math.min(random.int(1, 16), out.length - at);
  switch (random.weighted({ flip: 4, byte: 3, cut: 2, double: 2, drop: 2, swap: 1 })) {
    case 'flip': out[at] ^= 1 << random.int(0, 7); return out;
    case 'byte': out[at] = random.int(0, 255); return out;
    case 'cut': return out.subarray(0, at);
    case 'double': return Buffer.concat([out.subarray(0, at + size), out.subarray(at)]);
    case 'drop': return Buffer.concat([out.subarray(0, at), out.subarray(at + size)]);
    default: return Buffer.concat([out.subarray(at), out.subarray(0, at)]);
  }
}
