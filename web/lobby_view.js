// The first screen: a name, and a session to start or to join.

import { byId } from "./dom.js";

// Takes an invite link, or the bare id of a session; null when it is neither.
export function sessionIdFrom(text) {
  const trimmed = text.trim();
  if (!trimmed) return null;
  if (!/[/?]/.test(trimmed)) return trimmed;
  try {
    return new URL(trimmed, location.href).searchParams.get("session");
  } catch {
    return null;
  }
}

function describe(session) {
  const here = session.users.filter((user) => user.isConnected).map((user) => user.username);
  const film = session.playbackState?.mediaTitle;
  if (here.length === 0) return "Nobody is here yet. Be the first.";
  const who = here.length <= 2 ? here.join(" and ") : `${here[0]} and ${here.length - 1} others`;
  return `${who} ${here.length === 1 ? "is" : "are"} ${film ? `watching ${film}` : "already here"}.`;
}

export class LobbyView {
  #sessionId = null;

  // actions: create(name), join(sessionId, name), forget() — the visitor does not want the invited session
  constructor(actions) {
    byId("lobby-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#withName((name) => (this.#sessionId ? actions.join(this.#sessionId, name) : actions.create(name)));
    });
    byId("join-pasted").addEventListener("click", () => this.#joinPasted(actions));
    byId("join-id").addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault();
      this.#joinPasted(actions);
    });
    byId("start-own").addEventListener("click", () => actions.forget());
  }

  // sessionId: of an invite link, or null
  show(sessionId, name) {
    this.#sessionId = sessionId;
    byId("lobby").hidden = false;
    byId("join-block").hidden = !sessionId;
    byId("create-block").hidden = Boolean(sessionId);
    // The Enter key submits with the first submit button, hidden or not.
    byId("join-link").type = sessionId ? "submit" : "button";
    byId("create").type = sessionId ? "button" : "submit";
    byId("lobby-lead").textContent = sessionId
      ? "You are invited to watch a film together."
      : "Watch a film together, each on your own screen.";
    byId("lobby-session").hidden = true;
    byId("name").value = name;
    this.setBusy(false);
    (name ? byId(sessionId ? "join-link" : "create") : byId("name")).focus();
  }

  hide() {
    byId("lobby").hidden = true;
  }

  // The invited session as the server describes it; null if there is none.
  showSession(session) {
    const text = session ? describe(session) : "This session has ended or not started yet. Join to start it.";
    byId("lobby-session").textContent = text;
    byId("lobby-session").hidden = false;
  }

  setBusy(busy) {
    byId("lobby").setAttribute("aria-busy", String(busy));
    for (const id of ["join-link", "join-pasted", "create"]) byId(id).disabled = busy;
  }

  #joinPasted(actions) {
    const sessionId = sessionIdFrom(byId("join-id").value);
    byId("join-error").textContent = sessionId ? "" : "This is not an invite link.";
    if (!sessionId) return byId("join-id").focus();
    this.#withName((name) => actions.join(sessionId, name));
  }

  #withName(action) {
    const field = byId("name");
    const name = field.value.trim();
    byId("name-error").textContent = name ? "" : "Enter your name.";
    field.setAttribute("aria-invalid", String(!name));
    if (name) action(name);
    else field.focus();
  }
}
