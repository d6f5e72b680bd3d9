// Unobtrusive messages: the connection notice and the toasts.

import { byId, element, icon } from "./dom.js";

const kToastMs = 6000;
const kMaxToasts = 4;
const kBackMs = 3000;

let noticeTimer = null;

function showNotice(text, kind, canReconnect) {
  byId("notice").hidden = false;
  byId("notice").dataset.kind = kind;
  byId("notice-text").textContent = text;
  byId("reconnect").hidden = !canReconnect;
}

function hideNotice() {
  byId("notice").hidden = true;
  byId("notice-text").textContent = "";
}

// state: "connected", "reconnecting" or "closed", and the server's refusal, as MediaSync tells them. wasIn: whether the viewer was in
// the session before.
export function showConnection({ state, refusal }, wasIn) {
  const shown = !byId("notice").hidden;
  clearTimeout(noticeTimer);
  if (state === "closed") {
    showNotice("The server closed the connection.", "lost", true);
  } else if (state === "reconnecting") {
    const text = wasIn ? "Connection lost. Trying to reconnect…" : "The server cannot be reached. Trying again…";
    showNotice(refusal ? refusalText(refusal) : text, "lost", false);
  } else if (shown) {
    showNotice("Reconnected.", "back", false);
    noticeTimer = setTimeout(hideNotice, kBackMs);
  }
}

function refusalText({ status, message }) {
  return `The server refuses this page: ${message ?? "no reason given"} (${status}). Trying again…`;
}

export function showLeft() {
  clearTimeout(noticeTimer);
  showNotice("You are no longer in this session.", "lost", true);
}

export function clearConnection() {
  clearTimeout(noticeTimer);
  hideNotice();
}

// kind: "error" or "info"
export function toast(text, kind = "info") {
  const list = byId("toasts");
  const same = [...list.children].find((child) => child.firstChild.textContent === text);
  same?.remove();
  const close = element("button", { type: "button", class: "button icon plain", "aria-label": "Dismiss" }, icon("close"));
  const made = element("div", { class: `toast ${kind}`, "data-testid": "toast" }, element("p", {}, text), close);
  close.addEventListener("click", () => made.remove());
  list.append(made);
  while (list.children.length > kMaxToasts) list.firstChild.remove();
  setTimeout(() => made.remove(), kToastMs);
}

// Only what is inside the full-screen element can be seen.
document.addEventListener("fullscreenchange", () => {
  (document.fullscreenElement ?? document.body).append(byId("notice"), byId("toasts"));
});
