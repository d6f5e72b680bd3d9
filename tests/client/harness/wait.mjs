// Waiting that ends: every wait names what it waits for.

/**
 * How long nothing may happen before a wait is given up, in ms. It costs time only when a test fails, so it is long
 * enough for a machine that is slow and busy. Sanitizer builds are slower.
 */
export const kPatience = process.env.MEDIASYNC_PRELOAD ? 45000 : 15000;

// A server that hangs would cost every test its whole patience. After so much of it in vain the tests of this file fail
// in any case, and what is left of them is waited for more briefly.
const kEnough = 4 * kPatience;
let lost = 0;
let lostUntil = 0;

/** Of `ms` to wait as much as there is any point in. */
export const patient = (ms) => (lost < kEnough ? ms : Math.min(ms, kPatience / 10));

/** Notes a wait since `start` that was in vain. Waits at the same time count once. */
export function inVain(start) {
  const now = Date.now();
  if (now - start < kPatience) return;
  lost += now - Math.max(start, lostUntil);
  lostUntil = now;
}

/** An error that tells where it was made, not where it is thrown: in a timer nothing says who waits. */
export function alarm() {
  const error = new Error();
  return (message) => {
    error.message = message;
    error.stack = `Error: ${message}\n${error.stack.split('\n').slice(2).join('\n')}`;
    return error;
  };
}

/** `promise`, or an error that says what did not happen within `ms`. */
export function deadline(promise, ms, what) {
  const start = Date.now();
  const allowed = patient(ms);
  const late = alarm();
  let timer;
  const end = new Promise((_, reject) => {
    timer = setTimeout(() => {
      inVain(start);
      reject(late(`timed out after ${allowed} ms waiting for ${typeof what === 'string' ? what : what()}`));
    }, allowed);
  });
  return Promise.race([promise, end]).finally(() => clearTimeout(timer));
}

/**
 * Asks `probe` again and again until it answers something truthy, and returns that. For states that no event announces.
 */
export async function until(what, probe, ms = kPatience) {
  const start = Date.now();
  const allowed = patient(ms);
  const late = alarm();
  for (;;) {
    // A probe that begins in time may end later, but not never.
    const left = Math.max(start + allowed - Date.now(), kPatience);
    const answer = await deadline(Promise.resolve(probe()), left, `an answer to: ${what}?`);
    if (answer) return answer;
    if (Date.now() - start > allowed) {
      inVain(start);
      throw late(`timed out after ${allowed} ms waiting for ${what}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
