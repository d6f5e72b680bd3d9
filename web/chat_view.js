// The chat, and the reactions that float over the film. Shown where the server has lua/examples/chat.lua.

import { byId, element } from "./dom.js";
import { hueOf } from "./room_view.js";

const kMaxMessages = 200;
const kMaxFloats = 30;
const kFloatMs = 2000; // as in watch.css
const kNearEnd = 24; // px from the newest message that still count as being there

function messageItem({ userId, username, text, at }) {
  const author = element("bdi", { class: "author" }, username);
  author.style.setProperty("--hue", hueOf(userId));
  const sentAt = new Date(at * 1000);
  const time = element("time", { datetime: sentAt.toISOString() },
                       sentAt.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" }));
  return element("p", { class: "message", "data-testid": "message" }, author, " ", element("bdi", {}, text), " ", time);
}

export class ChatView {
  #actions;
  #follows = true; // the newest message is in sight, and the next one will be
  #scrollTop = 0;

  // actions: send(text), react(reaction); they resolve when it went to everyone, and reject with an error for people
  constructor(actions) {
    this.#actions = actions;
    byId("chat-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#send();
    });
    byId("messages").addEventListener("scroll", () => this.#onScroll());
    new ResizeObserver(() => this.#follows && this.#scrollToNewest()).observe(byId("messages"));
    byId("newest").addEventListener("click", () => {
      this.#scrollToNewest();
      byId("message").focus();
    });
  }

  get isShown() {
    return !byId("chat").hidden;
  }

  // reactions: those that the server takes
  show(reactions) {
    byId("chat").hidden = byId("reactions").hidden = false;
    byId("chat-error").textContent = "";
    byId("reactions").replaceChildren(...reactions.map((reaction) => this.#reactionButton(reaction)));
  }

  // Until it is shown again it is empty.
  hide() {
    byId("chat").hidden = byId("reactions").hidden = true;
    byId("chat-empty").hidden = false;
    byId("message").value = "";
    byId("messages").replaceChildren();
    byId("floats").replaceChildren();
    this.#scrollToNewest();
  }

  add(message, isMine) {
    const list = byId("messages");
    list.append(messageItem(message));
    while (list.childElementCount > kMaxMessages) list.firstChild.remove();
    byId("chat-empty").hidden = true;
    if (this.#follows || isMine) this.#scrollToNewest();
    else byId("newest").hidden = false;
  }

  float({ username, reaction }) {
    const made = element("span", { class: "float", "data-testid": "reaction" },
                         element("span", { class: "emoji" }, reaction),
                         element("bdi", { class: "float-name" }, username));
    made.style.setProperty("--x", `${10 + 80 * Math.random()}%`);
    const floats = byId("floats");
    floats.append(made);
    while (floats.childElementCount > kMaxFloats) floats.firstChild.remove();
    setTimeout(() => made.remove(), kFloatMs);
  }

  async #send() {
    const field = byId("message");
    const text = field.value.trim();
    if (!text) return;
    field.value = "";
    const isSent = await this.#report(this.#actions.send(text));
    if (!isSent && !field.value) field.value = text; // unless another one has been begun
  }

  // Returns true on success; an error is shown.
  async #report(action) {
    const problem = await action.then(() => "", (error) => error.message);
    byId("chat-error").textContent = problem;
    return problem === "";
  }

  #reactionButton(reaction) {
    const attributes = { class: "button icon plain reaction emoji", "aria-label": `React with ${reaction}` };
    const button = element("button", { type: "button", "data-testid": "reaction-button", ...attributes }, reaction);
    button.addEventListener("click", () => this.#report(this.#actions.react(reaction)));
    return button;
  }

  // The end may be out of sight for a moment because the list has shrunk: only who scrolls up leaves it.
  #onScroll() {
    const { scrollHeight, scrollTop, clientHeight } = byId("messages");
    if (scrollHeight - scrollTop - clientHeight < kNearEnd) this.#follows = true;
    else if (scrollTop < this.#scrollTop) this.#follows = false;
    this.#scrollTop = scrollTop;
    if (this.#follows) byId("newest").hidden = true;
  }

  #scrollToNewest() {
    this.#follows = true;
    byId("newest").hidden = true;
    const list = byId("messages");
    list.scrollTop = list.scrollHeight;
    this.#scrollTop = list.scrollTop;
  }
}
