// The session's screen: who is here, the films, the invite link, and what the viewer's role allows.

import { byId, element, icon } from "./dom.js";

const kHues = [212, 168, 262, 24, 330, 96, 190, 48];

// The colour of a user.
export function hueOf(id) {
  let sum = 0;
  for (const character of id) sum = (sum * 31 + character.codePointAt(0)) >>> 0;
  return kHues[sum % kHues.length];
}

const initials = (name) =>
  name.trim().split(/\s+/).slice(0, 2).map((word) => [...word][0] ?? "").join("").toUpperCase() || "?";

function avatarUrl(text) {
  try {
    const url = new URL(text);
    return /^https?:$/.test(url.protocol) ? url.href : null;
  } catch {
    return null;
  }
}

function avatar(user) {
  const made = element("span", { class: "avatar", "aria-hidden": "true" }, initials(user.username));
  made.style.setProperty("--hue", hueOf(user.id));
  const src = user.avatar ? avatarUrl(user.avatar) : null;
  if (src) {
    const image = element("img", { alt: "", referrerpolicy: "no-referrer", loading: "lazy" });
    image.addEventListener("error", () => image.remove()); // the initials are beneath
    image.src = src;
    made.append(image);
  }
  return made;
}

function userItem(user, isMe, isLeader) {
  const classes = ["user", user.isConnected ? "" : "away"].join(" ").trim();
  const item = element("li", { class: classes, "data-testid": "user-item", "data-user-id": user.id }, avatar(user));
  const name = element("span", { class: "user-name" }, user.username, isMe ? element("span", { class: "muted" }, " (you)") : null);
  item.append(element("span", { class: "user-text" }, name));
  if (!user.isConnected) item.append(element("span", { class: "tag" }, "Away"));
  if (isLeader) item.append(element("span", { class: "tag leader", "data-testid": "leader-badge" }, icon("crown"), "Leads"));
  return item;
}

export class RoomView {
  #actions;
  #films = [];
  #link = "";

  // actions: leave(), takeLead(), loadFilm(film)
  constructor(actions) {
    this.#actions = actions;
    byId("leave").addEventListener("click", () => actions.leave());
    byId("take-lead").addEventListener("click", () => actions.takeLead());
    byId("copy-invite").addEventListener("click", () => this.#copy());
    byId("share-invite").addEventListener("click", () => this.#share());
    byId("invite-link").addEventListener("focus", (event) => event.target.select());
    byId("share-invite").hidden = !navigator.share;
  }

  show(sessionId) {
    this.#link = `${location.origin}/?session=${encodeURIComponent(sessionId)}`;
    byId("invite-link").value = this.#link;
    byId("room").hidden = false;
  }

  hide() {
    byId("room").hidden = true;
  }

  // session, and the viewer's own id
  render(session, myId) {
    const leader = session.users.find((user) => user.id === session.leaderId);
    const iLead = session.leaderId === myId;
    this.#renderUsers(session, myId);
    this.#renderRole(iLead, leader);
    const title = session.playbackState.mediaTitle || session.playbackState.mediaId || "";
    byId("title").textContent = title || (session.playbackState.mediaUrl ? "Untitled film" : "No film yet");
    document.title = title ? `${title} — mediasync` : "mediasync — watch together";
    byId("empty").hidden = Boolean(session.playbackState.mediaUrl);
    byId("empty-text").textContent = iLead ? "Choose a film for everyone." : "The leader has not chosen a film yet.";
    byId("films-panel").hidden = !iLead;
    this.#markFilm(session.playbackState.mediaUrl);
  }

  // films: [{url, id, title, kind}]; null when the list could not be read
  setFilms(films) {
    this.#films = films ?? [];
    byId("films").replaceChildren(...this.#films.map((film) => this.#filmItem(film)));
    byId("films-empty").hidden = this.#films.length > 0;
    byId("films-empty").textContent = films ? "There are no films on this server yet." : "The list of films could not be loaded.";
  }

  // The film that the leader's browser is opening; null when it is done.
  setLoading(film) {
    for (const button of byId("films").querySelectorAll("button")) {
      const loading = button.dataset.url === film?.url;
      button.classList.toggle("loading", loading);
      button.setAttribute("aria-busy", String(loading));
    }
  }

  // The effect of a click on the film, as a text; null: a click does nothing.
  setStartOverlay(text) {
    const overlay = byId("start-overlay");
    byId("start-text").textContent = text ?? "";
    if (overlay.hidden === (text === null)) return;
    overlay.hidden = text === null;
    if (text !== null) overlay.focus({ preventScroll: true });
  }

  // Why the film does not play here; null when it does.
  setTrouble(text) {
    byId("trouble-text").textContent = text ?? "";
    byId("trouble").hidden = text === null;
  }

  #renderUsers(session, myId) {
    const rank = (user) => (user.id === session.leaderId ? 0 : user.isConnected ? 1 : 2);
    const users = [...session.users].sort((a, b) => rank(a) - rank(b));
    byId("users").replaceChildren(...users.map((user) => userItem(user, user.id === myId, user.id === session.leaderId)));
    byId("people-count").textContent = String(users.filter((user) => user.isConnected).length);
  }

  #renderRole(iLead, leader) {
    const name = leader?.username ?? "The leader";
    const gone = !iLead && !leader?.isConnected;
    byId("role").textContent = iLead
      ? "You lead: everyone follows your player."
      : gone ? `Waiting for ${name}.` : `${name} leads; your player follows.`;
    byId("lead-panel").hidden = !gone;
    byId("lead-text").textContent = gone ? `${name} leads but is away. You can take over.` : "";
    byId("room").dataset.role = iLead ? "leader" : "follower";
  }

  #filmItem(film) {
    const text = element("span", { class: "film-title" }, film.title);
    const button = element("button", { type: "button", class: "film", "data-url": film.url }, icon("film"), text,
                           element("span", { class: "tag" }, film.kind));
    button.addEventListener("click", () => this.#actions.loadFilm(film));
    return element("li", { "data-testid": "film-item", "data-film-id": film.id }, button);
  }

  #markFilm(url) {
    for (const button of byId("films").querySelectorAll("button")) {
      if (button.dataset.url === url) button.setAttribute("aria-current", "true");
      else button.removeAttribute("aria-current");
    }
  }

  async #copy() {
    const copied = await this.#copyText();
    byId("copy-label").textContent = copied ? "Copied" : "Press Ctrl+C";
    setTimeout(() => (byId("copy-label").textContent = "Copy invite link"), 2000);
  }

  // navigator.clipboard is missing on pages that came over plain HTTP from another machine.
  async #copyText() {
    try {
      await navigator.clipboard.writeText(this.#link);
      return true;
    } catch {
      byId("invite-link").focus();
      byId("invite-link").select();
      return document.execCommand("copy");
    }
  }

  #share() {
    navigator.share({ title: "Watch together", url: this.#link }).catch(() => {}); // closing the dialogue is no error
  }
}
