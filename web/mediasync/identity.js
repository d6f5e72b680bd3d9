// A user id of this tab, which survives a reload of the page.

const kKey = "mediasync.userId";
let fallback = null; // where storage is switched off

// 128 bits. crypto.randomUUID is missing on pages that came over plain HTTP from another machine.
const randomId = () => [...crypto.getRandomValues(new Uint32Array(4))].map((word) => word.toString(36)).join("");

export function userId() {
  try {
    fallback = sessionStorage.getItem(kKey) ?? fallback;
  } catch {
    // as long as the page lasts
  }
  return fallback ?? renewUserId();
}

// Another id, when the server says that this one is somebody else's.
export function renewUserId() {
  fallback = randomId();
  try {
    sessionStorage.setItem(kKey, fallback);
  } catch {
    // as long as the page lasts
  }
  return fallback;
}
