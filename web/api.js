// The REST side of the server: sessions, and the list of films it has.

const kFilm = /\.(mp4|m4v|webm|ogv|m3u8)$/i;
const kPlaylist = /\.m3u8$/i;

async function readJson(response) {
  const body = await response.json().catch(() => null);
  if (!response.ok) throw new Error(body?.message || `The server answered ${response.status}`);
  if (body === null) throw new Error("The server's answer could not be read");
  return body;
}

// Creates a session with this user as its leader; resolves to its id.
export async function createSession(creatorId, creatorName) {
  const response = await fetch("/api/sessions", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ creatorId, creatorName }),
  });
  return (await readJson(response)).sessionId;
}

// Resolves to the session, or to null when there is none with this id.
export async function getSession(sessionId) {
  const response = await fetch(`/api/sessions/${encodeURIComponent(sessionId)}`);
  if (response.status === 404) return null;
  return (await readJson(response)).session;
}

const listFolder = async (path) => readJson(await fetch(path, { cache: "no-cache" }));

const titleOf = (name) => {
  const words = name.replace(kFilm, "").replace(/[._-]+/g, " ").trim() || name;
  return words[0].toUpperCase() + words.slice(1);
};

// The playlist that describes the whole film; the others in its folder are one quality each.
function mainPlaylist(names) {
  const playlists = names.filter((name) => kPlaylist.test(name));
  return playlists.find((name) => /^(index|master|main|playlist)\.m3u8$/i.test(name)) ?? playlists[0];
}

async function filmsInFolder(path, entry) {
  const folder = `${path}${encodeURIComponent(entry.name)}/`;
  const names = (await listFolder(folder)).filter((e) => e.type === "file").map((e) => e.name);
  const playlist = mainPlaylist(names);
  if (playlist) {
    const name = entry.name.replace(/-hls$/i, "");
    return [{ url: folder + encodeURIComponent(playlist), id: `${entry.name}/${playlist}`, title: titleOf(name), kind: "HLS" }];
  }
  return names.filter((name) => kFilm.test(name)).map((name) => film(folder, name, `${entry.name}/`));
}

const film = (folder, name, idPrefix = "") => ({
  url: folder + encodeURIComponent(name),
  id: idPrefix + name,
  title: titleOf(name),
  kind: name.split(".").pop().toUpperCase(),
});

// Resolves to [{url, id, title, kind}], by title: the films in /films/ and in its folders. The URLs have no host, so
// that they work for viewers who reach this server under another name.
export async function listFilms() {
  const path = "/films/";
  const entries = await listFolder(path);
  const nested = entries
    .filter((e) => e.type === "directory")
    .map((e) => filmsInFolder(path, e).catch(() => []));
  const films = entries.filter((e) => e.type === "file" && kFilm.test(e.name)).map((e) => film(path, e.name));
  return [...films, ...(await Promise.all(nested)).flat()].sort(
    (a, b) => a.title.localeCompare(b.title) || a.kind.localeCompare(b.kind),
  );
}
