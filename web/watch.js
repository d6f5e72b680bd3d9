// The watch page: puts the session, the player and the views together.

import { createSession, getSession, listFilms } from "./api.js";
import { byId } from "./dom.js";
import { Follower } from "./follower.js";
import * as identity from "./identity.js";
import { Leader } from "./leader.js";
import { LobbyView } from "./lobby_view.js";
import { Media } from "./media.js";
import { clearConnection, showConnection, toast } from "./notices.js";
import { PlayerView } from "./player_view.js";
import { RoomView } from "./room_view.js";
import { ServerClock } from "./server_clock.js";
import { SessionClient } from "./session_client.js";

const kDesyncReportMs = 5000;

const video = byId("video");
let myId = identity.userId();
const media = new Media(video);
const player = new PlayerView(video);
const clock = new ServerClock();
let client = null;
let openingFilm = null; // the film that the leader's browser opens before the others hear of it
let lastDesyncReport = -Infinity;

const leader = new Leader(video, (state) => client?.sendPlayback(state));

const follower = new Follower(video, clock, {
  onBlocked: () => room.setStartOverlay(true),
  onSettled,
  onDesync: (position) => {
    if (performance.now() - lastDesyncReport < kDesyncReportMs) return;
    lastDesyncReport = performance.now();
    client?.reportDesync(position);
  },
});

const lobby = new LobbyView({ create, join: enter, forget: () => (history.pushState(null, "", "/"), showLobby()) });
const room = new RoomView({ leave, takeLead: () => client?.requestLeadership(), loadFilm });

byId("reconnect").addEventListener("click", () => client?.reconnect());
byId("start-overlay").addEventListener("click", () => {
  room.setStartOverlay(false);
  follower.start();
});
video.addEventListener("playing", () => room.setStartOverlay(false));
for (const type of ["play", "pause", "ratechange"]) video.addEventListener(type, renderPlayer);

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
  client = new SessionClient({ sessionId, userId: myId, username: name }, clock);
  client.addEventListener("connection", ({ detail }) => showConnection(detail.state, client?.session !== null));
  client.addEventListener("joined", ({ detail }) => onJoined(sessionId, detail.reason));
  client.addEventListener("session", renderSession);
  client.addEventListener("playback", followSession);
  client.addEventListener("leader", ({ detail }) => onLeaderChanged(detail));
  client.addEventListener("refused", ({ detail }) => onRefused(detail));
}

function onJoined(sessionId, reason) {
  if (reason === "first") {
    identity.lastSession.set(sessionId);
    lobby.hide();
    room.show(sessionId);
    readFilms();
  }
  setOpening(null);
  followSession();
  if (reason === "again") leader.announce(); // the leader's player went on while the connection was down
}

function leave() {
  client?.leave();
  close();
  history.pushState(null, "", "/");
  showLobby();
}

function close() {
  client = null;
  setOpening(null);
  identity.lastSession.set(null);
  stopPlayer();
  media.detach();
  clearConnection();
  if (document.fullscreenElement) document.exitFullscreen();
}

function onRefused({ message, event, code }) {
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
    followSession();
  }
}

function onLeaderChanged({ newLeaderId, newLeaderName }) {
  toast(newLeaderId === myId ? "You lead now." : `${newLeaderName} leads now.`);
  if (newLeaderId === myId) readFilms();
  followSession();
}

// --- the player ---

// Opens the session's film if it is another one than before, then takes the viewer's role.
async function followSession() {
  const state = client.session.playbackState;
  if (openingFilm?.url === state.mediaUrl || !client.isLeader) setOpening(null);
  if (openingFilm) return;
  if (state.mediaUrl && media.url !== state.mediaUrl) {
    stopPlayer();
    try {
      if (!(await media.attach(state.mediaUrl))) return;
    } catch (error) {
      toast(error.message, "error");
    }
  }
  takeRole();
}

// The leader's player is what the others follow, once it has arrived where the session is. Until then it follows too,
// like everybody else's: somebody who comes to lead must not move the others.
function takeRole() {
  if (!client?.session || openingFilm) return;
  const state = client.session.playbackState;
  if (!client.isLeader) leader.stop();
  if (client.isLeader && !state.mediaUrl) leader.lead();
  else if (!leader.isLeading) follower.follow(state);
  renderPlayer();
}

function onSettled() {
  if (!client?.isLeader) return;
  follower.release();
  leader.lead();
  renderPlayer();
}

function stopPlayer() {
  leader.stop();
  follower.release();
  room.setStartOverlay(false);
}

function setOpening(film) {
  openingFilm = film;
  room.setLoading(film);
}

// Opens the film here first: the others are told together with its duration, and only if it can be played at all.
async function loadFilm(film) {
  if (!client?.isLeader || (media.url === film.url && !video.error)) return;
  setOpening(film);
  stopPlayer();
  try {
    if (!(await media.attach(film.url))) return;
    const announced = { mediaUrl: film.url, mediaId: film.id, mediaTitle: film.title };
    if (Number.isFinite(video.duration)) announced.mediaDuration = video.duration;
    client.loadMedia(announced);
  } catch (error) {
    toast(`${film.title}: ${error.message}`, "error");
    setOpening(null);
    if (client) followSession();
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
  const steers = client.isLeader && leader.isLeading && Boolean(state.mediaUrl);
  player.render({
    enabled: steers,
    isPlaying: steers ? !video.paused : state.isPlaying,
    rate: steers ? video.playbackRate : state.playbackRate,
  });
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
      isLeading: leader.isLeading,
      target: follower.target,
      drift: follower.drift,
      clockOffset: clock.offset,
      roundTrip: clock.roundTrip,
      session: client?.session ? structuredClone(client.session) : null,
    };
  },
  get video() {
    return video;
  },
  get socketId() {
    return client?.socketId ?? null;
  },
  get lastSync() {
    return client?.lastSync ?? null;
  },
});

const reloaded = invitedSession() !== null && invitedSession() === identity.lastSession.get();
if (reloaded && identity.name.get()) enter(invitedSession(), identity.name.get());
else showLobby();
