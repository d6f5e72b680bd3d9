// The browser's memory of its viewer: a name, how late its sound is, and the session that the tab was in. The user's id is the
// library's.

// Storage may be switched off; then things last as long as the page.
function stored(storage, key) {
  let fallback = null;
  return {
    get: () => {
      try {
        return storage().getItem(key) ?? fallback;
      } catch {
        return fallback;
      }
    },
    set: (value) => {
      fallback = value;
      try {
        if (value === null) storage().removeItem(key);
        else storage().setItem(key, value);
      } catch {
        // the fallback has it
      }
    },
  };
}

export const name = stored(() => localStorage, "mediasync.name");
export const audioOffset = stored(() => localStorage, "mediasync.audioOffset");
export const lastSession = stored(() => sessionStorage, "mediasync.session");
