// The payloads as socket-events document them: names, types, and the additions that the contract allows.
import assert from 'node:assert/strict';

const text = (value) => typeof value === 'string';
const textOrNull = (value) => value === null || typeof value === 'string';
const number = (value) => typeof value === 'number' && Number.isFinite(value);
const numberOrNull = (value) => value === null || number(value);
const boolean = (value) => typeof value === 'boolean';
const iso = (value) => text(value) && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(value) &&
  Math.abs(Date.now() - Date.parse(value)) < 600000;
const stamp = (value) => number(value) && Math.abs(Date.now() / 1000 - value) < 600;

const media = { mediaUrl: textOrNull, mediaId: textOrNull };
const addedMedia = { mediaTitle: textOrNull, mediaDuration: numberOrNull };
const clock = { position: number, isPlaying: boolean, lastUpdateTime: stamp, playbackRate: number };

export const shapes = {
  user: [{ id: text, username: text, avatar: textOrNull, joinedAt: iso, lastSeen: stamp, isConnected: boolean,
    isLeader: boolean }],
  playbackState: [{ ...media, ...clock }, addedMedia],
  session: [{ sessionId: text, creatorId: text, leaderId: text, users: Array.isArray,
    playbackState: (value) => fits('playbackState', value), createdAt: iso, lastActivity: stamp, userCount: number,
    connectedCount: number }],
  session_joined: [{ sessionId: text, userId: text, isLeader: boolean, session: (value) => fits('session', value) }],
  user_joined: [{ userId: text, username: text, avatar: textOrNull, timestamp: stamp }],
  user_left: [{ userId: text, username: text, timestamp: stamp }],
  playback_sync: [{ ...media, ...clock, timestamp: stamp, leaderId: text }, addedMedia],
  media_loaded: [{ mediaUrl: text, mediaId: text, mediaTitle: text, mediaDuration: number,
    timestamp: stamp, loadedBy: text }],
  leadership_changed: [{ newLeaderId: text, newLeaderName: text, timestamp: stamp }],
  desync_recovery: [{ authoritativeState: (value) => fits('authoritativeState', value), reportedPosition: number,
    reportedTime: numberOrNull }],
  authoritativeState: [{ ...media, ...clock, timestamp: stamp }, addedMedia],
  heartbeat_ack: [{ timestamp: stamp }],
  error: [{ message: text, code: text, event: text }],
  created: [{ success: (value) => value === true, sessionId: text, creatorId: text, message: text }],
  summary: [{ sessionId: text, userCount: number, hasMedia: boolean, createdAt: iso, lastActivity: stamp },
    { connectedCount: number }],
};

/** Asserts that `value` has exactly the fields of the shape (additions only where listed), each of its type. */
export function fits(name, value) {
  const [required, added = {}] = shapes[name];
  assert.ok(value !== null && typeof value === 'object' && !Array.isArray(value), `${name} is an object`);
  for (const [field, check] of Object.entries(required)) {
    assert.ok(field in value, `${name}.${field} is missing in ${JSON.stringify(value)}`);
    assert.ok(check(value[field]), `${name}.${field} has a wrong value: ${JSON.stringify(value[field])}`);
  }
  for (const field of Object.keys(value)) {
    if (field in required) continue;
    assert.ok(field in added, `${name}.${field} is not documented`);
    assert.ok(added[field](value[field]), `${name}.${field} has a wrong value: ${JSON.stringify(value[field])}`);
  }
  if (name === 'session') {
    value.users.forEach((user) => fits('user', user));
    assert.equal(value.userCount, value.users.length);
    assert.equal(value.connectedCount, value.users.filter((user) => user.isConnected).length);
    for (const user of value.users) assert.equal(user.isLeader, user.id === value.leaderId, 'isLeader of each user');
  }
  return true;
}
