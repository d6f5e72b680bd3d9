// Arithmetic that the modules of the library share.

// Seconds of a clock that never jumps while the page runs, though it may stand still in sleep.
export const localNow = () => performance.now() / 1000;

export const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
