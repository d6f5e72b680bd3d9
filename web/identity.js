// Who this viewer is: an id for this tab, a name for this browser, and the session the tab was in.

// crypto.randomUUID is missing on pages that came over plain HTTP from another machine.
function randomUuid() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

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

const id = stored(() => sessionStorage, "mediasync.userId");
export const name = stored(() => localStorage, "mediasync.name");
export const lastSession = stored(() => sessionStorage, "mediasync.session");

// With mediasync_user_secret on, the server knows this browser by a cookie that no script sees.
export function userId() {
  if (!id.get()) id.set(randomUuid());
  return id.get();
}

// Somebody else has it, or the cookie is gone by which it was ours.
export function renewUserId() {
  id.set(randomUuid());
  return id.get();
}
