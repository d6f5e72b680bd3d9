// Computes where a session is, and when a command takes effect. Pure functions of playback states, as the server sends them, and
// of the server's time in seconds.

// The position at `serverTime`. A state whose lastUpdateTime is ahead stands still until then.
export function positionAt(state, serverTime) {
  const elapsed = state.isPlaying ? Math.max(0, serverTime - state.lastUpdateTime) : 0;
  const at = state.position + elapsed * state.playbackRate;
  return state.mediaDuration > 0 ? Math.min(at, state.mediaDuration) : at;
}

// The film's end, by the session and by the element that has it open; null if neither knows it.
export function endOf({ mediaDuration }, duration) {
  const end = Math.min(mediaDuration > 0 ? mediaDuration : Infinity, duration > 0 ? duration : Infinity);
  return Number.isFinite(end) ? end : null;
}

// Seconds until a scheduled start; 0 if the film plays or no start is scheduled.
export const waitBefore = (state, serverTime) => (state.isPlaying ? Math.max(0, state.lastUpdateTime - serverTime) : 0);

const kLead = 0.25; // for the message to get everywhere, and for players to be ready
const kMaxLead = 2;

// The seconds by which a start is scheduled ahead so that everyone can make it: twice the way to the server, its variation,
// and the time of a seek if there is one.
export const leadFor = ({ roundTrip, jitter, seekTime }) =>
  Math.min(kMaxLead, kLead + (roundTrip ?? 0.1) + 2 * (jitter ?? 0) + seekTime);

// The state after a command of the leader, at `serverTime`. `change` has what changes: position, isPlaying, playbackRate.
// A start, and a jump while playing, is `lead` seconds ahead; the rest counts at once.
export function commanded(state, change, serverTime, lead) {
  const playbackRate = change.playbackRate ?? state.playbackRate;
  const isPlaying = change.isPlaying ?? state.isPlaying;
  const starts = isPlaying && (!state.isPlaying || change.position !== undefined);
  const wait = starts ? lead : waitBefore(state, serverTime);
  const position = change.position ?? positionAt(state, serverTime);
  return { ...state, position, isPlaying, playbackRate, lastUpdateTime: serverTime + (isPlaying ? wait : 0) };
}
