// The watch page: puts the session, the player and the views together.

import { io } from "/vendor/socket.io.esm.min.js";
import { createSession, getSession, listFilms } from "./api.js";
import { ChatView } from "./chat_view.js";
import { byId } from "./dom.js";
import * as identity from "./identity.js";
import { LobbyView } from "./lobby_view.js";
import { Media } from "./media.js";
import { MediaSync, renewUserId, userId } from "./mediasync.js";
import { diagnose } from "./mediasync/diagnosis.js";
import { clearConnection, showConnection, showLeft, toast } from "./notices.js";
import { PlayerView } from "./player_view.js";
import { RoomView } from "./room_view.js";
import { SyncView } from "./sync_view.js";

const kAnswerMs = 5000;
const kChatEvents = ["chat_open", "chat", "reaction"];
const kStartTexts = {
  blocked: "Click to start watching",
  held: "You paused. Click to rejoin the others",
};
const kProblems = {
  network: "cannot load the film right now",
  missing: "cannot get the film from the server",
  unsupported: "has a browser that cannot play the film",
};

const video = byId("video");
let myId = userId();
const media = new Media(video);
const player = new PlayerView(video, {
  play: () => client?.play(),
  pause: () => client?.pause(),
  start: () => client?.start(),
  seek: (position) => client?.seek(position),
  seekBy: (seconds) => client?.seekBy(seconds),
  goLive: () => client?.goLive(),
  setRate: (rate) => client?.setRate(rate),
  timeline,
});
const sync = new SyncView(Number(identity.audioOffset.get()) || 0, (seconds) => {
  identity.audioOffset.set(String(seconds));
  if (client) client.audioOffset = seconds;
});
const chat = new ChatView({ send: (text) => ask("chat", text), react: (reaction) => ask("reaction", reaction) });
let socket = null;
let client = null;
let shownState = null; // of the film here
let openingFilm = null; // the film that the leader's browser opens before the others hear of it

const lobby = new LobbyView({ create, join: enter, forget: () => (history.pushState(null, "", "/"), showLobby()) });
const room = new RoomView({ leave, takeLead: () => client?.requestLeadership(), loadFilm });

byId("reconnect").addEventListener("click", () => client?.reconnect());
byId("retry").addEventListener("click", () => client?.retry());
byId("start-overlay").addEventListener("click", () => {
  client?.start();
  renderFilm();
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
  socket.on("server_message", ({ message }) => toast(message));
  const me = { sessionId, userId: myId, username: name };
  client = new MediaSync(video, {
    socket,
    ...me,
    audioOffset: Number(identity.audioOffset.get()) || 0,
    load: (state, _video, film) => media.load(state, film),
    hls: () => media.hls,
  });
  const on = (type, act) => client.addEventListener(type, ({ detail }) => act(detail ?? {}));
  on("connection", onConnection);
  on("joined", ({ isFirst }) => onJoined(sessionId, isFirst));
  on("left", onLeft);
  on("session", renderSession);
  on("playback", onPlayback);
  on("leader", onLeaderChanged);
  on("refused", onRefused);
  for (const type of ["sync", "blocked", "unblocked", "mediaerror", "mediarecovered"]) on(type, renderFilm);
  on("buffering", onBuffering);
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
  renderSession();
  showLeft();
}

function onConnection(detail) {
  if (detail.state === "connected" && client?.stats().state === "left") showLeft();
  else showConnection(detail, client?.session !== null);
}

// The leader alone can do something about it.
function onBuffering({ userId: id, username, problem }) {
  if (client?.isLeader && id !== myId && problem) toast(`${username} ${kProblems[problem] ?? "cannot play the film"}.`);
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
  room.setStartOverlay(null);
  room.setTrouble(null);
  sync.clear();
  media.detach();
  clearConnection();
  if (document.fullscreenElement) document.exitFullscreen();
}

function onRefused({ message, event, code }) {
  if (kChatEvents.includes(event)) return; // whoever asked is answered
  if (code === "FOREIGN_USER") {
    myId = renewUserId();
    message = "The server no longer recognises you. Join again as a new user.";
  }
  toast(message || "The server refused this.", "error");
  if (event === "join_session" && !client?.isJoined) {
    client?.close();
    close();
    showLobby();
  } else if (client?.isJoined) {
    setOpening(null);
  }
}

function onLeaderChanged({ newLeaderId, newLeaderName }) {
  toast(newLeaderId === myId ? "You are now the leader." : `${newLeaderName} is now the leader.`);
  if (newLeaderId === myId) readFilms();
  else setOpening(null);
}

// --- the chat ---

// Resolves to the server's answer; rejects with what it has against it.
async function ask(event, ...data) {
  if (!client?.isJoined) throw new Error("Not connected to the server.");
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
  if (!client?.isLeader) return;
  if (client.session.playbackState.mediaUrl === film.url && !openingFilm) return client.retry();
  setOpening(film);
  try {
    if (!(await media.tryOut(film.url))) return openingFilm === film ? setOpening(null) : undefined;
    const announced = { mediaUrl: film.url, mediaId: film.id, mediaTitle: film.title };
    if (Number.isFinite(video.duration) && !client.isLive) announced.mediaDuration = video.duration;
    client.loadMedia(announced);
  } catch (error) {
    const { message } = await diagnose(error, film.url);
    if (openingFilm !== film) return;
    toast(`${film.title}: ${message}`, "error");
    setOpening(null);
    client?.reload();
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
  const isAway = ["blocked", "held"].includes(client.stats().state);
  player.render({ enabled: steers, isAway, isPlaying: state.isPlaying, rate: state.playbackRate });
}

// Shows how well the film is in step here, or what keeps it from playing.
function renderFilm() {
  if (!client) return;
  const stats = client.stats();
  const { state } = stats;
  sync.add(stats.error, stats);
  const { trouble } = client;
  const isOver = !trouble || openingFilm || !["retrying", "unplayable"].includes(state);
  room.setStartOverlay(kStartTexts[state] ?? null);
  room.setTrouble(isOver ? null : state === "retrying" ? `${trouble.message} Trying again…` : trouble.message);
  if (state !== shownState) renderPlayer();
  shownState = state;
}

// The film's range and position, in the session's positions.
function timeline() {
  if (!client?.session) return null;
  const { isLive } = client;
  const { start, end } = client.range ?? { start: 0, end: 0 };
  return { start, end, position: isLive ? client.position : video.currentTime, isLive };
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
