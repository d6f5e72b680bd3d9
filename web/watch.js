// The watch page: puts the session, the player and the views together.

import { io } from "/vendor/socket.io.esm.min.js";
import { createSession, getSession, listFilms } from "./api.js";
import { ChatView } from "./chat_view.js";
import { byId } from "./dom.js";
import * as identity from "./identity.js";
import { LobbyView } from "./lobby_view.js";
import { Media } from "./media.js";
import { MediaSync } from "./mediasync.js";
import { clearConnection, showConnection, showLeft, toast } from "./notices.js";
import { PlayerView } from "./player_view.js";
import { RoomView } from "./room_view.js";
import { SyncView } from "./sync_view.js";

const kAnswerMs = 5000;
const kChatEvents = ["chat_open", "chat", "reaction"];

const video = byId("video");
let myId = identity.userId();
const media = new Media(video);
const player = new PlayerView(video, {
  play: () => client?.play(),
  pause: () => client?.pause(),
  seek: (position) => client?.seek(position),
  setRate: (rate) => client?.setRate(rate),
});
const sync = new SyncView();
const chat = new ChatView({ send: (text) => ask("chat", text), react: (reaction) => ask("reaction", reaction) });
let socket = null;
let client = null;
let openingFilm = null; // the film that the leader's browser opens before the others hear of it

const lobby = new LobbyView({ create, join: enter, forget: () => (history.pushState(null, "", "/"), showLobby()) });
const room = new RoomView({ leave, takeLead: () => client?.requestLeadership(), loadFilm });

byId("reconnect").addEventListener("click", () => client?.reconnect());
byId("start-overlay").addEventListener("click", () => {
  room.setStartOverlay(false);
  client?.start();
});

// --- the lobby ---

const invitedSession = () => new URLSearchParams(location.search).get("session") || null;

function showLobby() {
  room.hide();
  document.title = "mediasync — watch together";
  const sessionId = invitedSession();
  lobby.show(sessionId, identity.name.get() ?? "");
  if (!sessionId) return;
  const unlessGone = (session) => client === null && invitedSession() === sessionId && lobby.showSession(session);
  getSession(sessionId).then(unlessGone, () => {}); // only a courtesy: joining says what is wrong
}

async function create(name) {
  lobby.setBusy(true);
  try {
    enter(await createSession(myId, name), name);
  } catch (error) {
    toast(`The session could not be started. ${error.message}`, "error");
    lobby.setBusy(false);
  }
}

// --- coming and going ---

function enter(sessionId, name) {
  identity.name.set(name);
  if (invitedSession() !== sessionId) history.pushState(null, "", `/?session=${encodeURIComponent(sessionId)}`);
  lobby.setBusy(true);
  socket = io({ autoConnect: false });
  const me = { sessionId, userId: myId, username: name };
  client = new MediaSync(video, { socket, ...me, load: openFilm, hls: () => media.hls });
  const on = (type, act) => client.addEventListener(type, ({ detail }) => act(detail ?? {}));
  on("connection", onConnection);
  on("joined", ({ isFirst }) => onJoined(sessionId, isFirst));
  on("left", onLeft);
  on("session", renderSession);
  on("playback", onPlayback);
  on("leader", onLeaderChanged);
  on("refused", onRefused);
  on("blocked", () => room.setStartOverlay(true));
  on("unblocked", () => room.setStartOverlay(false));
  on("mediaerror", ({ error }) => toast(error.message || "This browser cannot play the film", "error"));
  on("sync", ({ error }) => client && sync.add(error, client.stats()));
}

function onJoined(sessionId, isFirst) {
  setOpening(null);
  openChat();
  if (!isFirst) return;
  identity.lastSession.set(sessionId);
  lobby.hide();
  room.show(sessionId);
  readFilms();
}

// By another tab, or since the server wanted it so. The notice leads back.
function onLeft() {
  video.pause();
  setOpening(null);
  room.setStartOverlay(false);
  renderSession();
  renderPlayer();
  showLeft();
}

function onConnection({ state }) {
  if (state === "connected" && client?.stats().state === "left") showLeft();
  else showConnection(state, client?.session !== null);
}

function leave() {
  client?.leave();
  close();
  history.pushState(null, "", "/");
  showLobby();
}

function close() {
  client = null;
  socket?.disconnect();
  socket = null;
  chat.hide();
  setOpening(null);
  identity.lastSession.set(null);
  room.setStartOverlay(false);
  sync.clear();
  media.detach();
  clearConnection();
  if (document.fullscreenElement) document.exitFullscreen();
}

function onRefused({ message, event, code }) {
  if (kChatEvents.includes(event)) return; // whoever asked is answered
  if (code === "FOREIGN_USER") {
    myId = identity.renewUserId();
    message = "The server does not know you any more. Join again as somebody new.";
  }
  toast(message || "The server refused that.", "error");
  if (event === "join_session" && !client?.isJoined) {
    client?.close();
    close();
    showLobby();
  } else if (client?.isJoined) {
    setOpening(null);
  }
}

function onLeaderChanged({ newLeaderId, newLeaderName }) {
  toast(newLeaderId === myId ? "You lead now." : `${newLeaderName} leads now.`);
  if (newLeaderId === myId) readFilms();
  else setOpening(null);
}

// --- the chat ---

// Resolves to the server's answer; rejects with what it has against it.
async function ask(event, ...data) {
  if (!client?.isJoined) throw new Error("There is no connection to the server.");
  const answer = await socket.timeout(kAnswerMs).emitWithAck(event, ...data).catch(() => {
    throw new Error("The server did not answer.");
  });
  if (!answer.success) throw new Error(answer.message);
  return answer;
}

// A server without a chat refuses this.
async function openChat() {
  if (chat.isShown) return;
  const asked = socket;
  const answer = await ask("chat_open").catch(() => null);
  if (!answer || socket !== asked || chat.isShown) return;
  socket.on("chat", (message) => chat.add(message, message.userId === myId));
  socket.on("reaction", (reaction) => chat.float(reaction));
  chat.show(answer.reactions);
}

// --- the player ---

// The session's film is another one than before. The leader's browser has opened it already.
async function openFilm({ mediaUrl }) {
  if (media.url !== mediaUrl || video.error) await media.attach(mediaUrl);
}

function onPlayback() {
  if (openingFilm && openingFilm.url === client.session.playbackState.mediaUrl) setOpening(null);
  renderPlayer();
}

// While the leader's browser opens a film, the session's does not play here.
function setOpening(film) {
  const wasOpening = openingFilm !== null;
  openingFilm = film;
  room.setLoading(film);
  if (film) client.suspend();
  else if (wasOpening) client?.resume();
}

// Opens the film here first: the others are told together with its duration, and only if it can be played at all.
async function loadFilm(film) {
  if (!client?.isLeader || (media.url === film.url && !video.error)) return;
  const before = media.url;
  setOpening(film);
  try {
    if (!(await media.attach(film.url))) return;
    const announced = { mediaUrl: film.url, mediaId: film.id, mediaTitle: film.title };
    if (Number.isFinite(video.duration) && !media.isLive) announced.mediaDuration = video.duration;
    client.loadMedia(announced);
  } catch (error) {
    toast(`${film.title}: ${error.message}`, "error");
    if (before) await media.attach(before).catch(() => {});
    setOpening(null);
  }
}

async function readFilms() {
  if (!client?.isLeader) return;
  const films = await listFilms().catch(() => null);
  room.setFilms(films);
  renderSession();
}

function renderSession() {
  if (client?.session) room.render(client.session, myId);
  renderPlayer();
}

function renderPlayer() {
  const state = client?.session?.playbackState;
  if (!state) return;
  const steers = client.isLeader && !openingFilm && Boolean(state.mediaUrl);
  player.render({ enabled: steers, isPlaying: state.isPlaying, rate: state.playbackRate });
}

// --- the beginning ---

addEventListener("popstate", () => {
  client?.leave();
  close();
  showLobby();
});

// Read-only facts for tests.
window.mediasyncDebug = Object.freeze({
  get state() {
    return {
      userId: myId,
      isJoined: client?.isJoined ?? false,
      isLeader: client?.isLeader ?? false,
      session: client?.session ? structuredClone(client.session) : null,
      stats: client?.stats() ?? null,
    };
  },
  get video() {
    return video;
  },
});

const reloaded = invitedSession() !== null && invitedSession() === identity.lastSession.get();
if (reloaded && identity.name.get()) enter(invitedSession(), identity.name.get());
else showLobby();
