// Why a film cannot be opened or played. Elements say "not supported" of all that fails in the beginning, so the server is asked.

const kAnswerMs = 8000;
const kNetwork = 2; // MEDIA_ERR_NETWORK
const kDecode = 3; // MEDIA_ERR_DECODE
const kPassing = [408, 425, 429]; // refusals that pass

const kMessages = {
  network: "The film cannot be loaded right now.",
  missing: "The film is not on the server.",
  unsupported: "This browser cannot play the film.",
};

// network: it may come back by itself. missing: the server has no such film, or does not give it to this viewer. unsupported: this
// browser can't play it.
export const isPassing = (kind) => kind === "network";

// The server's answer to a question for the film's first byte; null when there is none, or none that may be seen.
async function statusOf(url) {
  try {
    const asked = { headers: { Range: "bytes=0-0" }, cache: "no-store", signal: AbortSignal.timeout(kAnswerMs) };
    const { status, body } = await fetch(url, asked);
    body?.cancel();
    return status;
  } catch {
    return null;
  }
}

export function kindOfStatus(status) {
  if (!status || status >= 500 || kPassing.includes(status)) return "network";
  return status >= 400 ? "missing" : null;
}

async function kindOf(error, url) {
  if (error?.kind) return error.kind;
  if (error?.status) return kindOfStatus(error.status) ?? "unsupported";
  if (error?.code === kNetwork) return "network";
  const status = error?.code === kDecode ? 200 : await statusOf(url);
  return kindOfStatus(status) ?? "unsupported";
}

// Resolves to {kind, message, error}. Errors of sources may have the status of the server's answer, or the kind and a text for
// people.
export async function diagnose(error, url) {
  const kind = await kindOf(error, url);
  return { kind, message: error?.text ?? kMessages[kind], error };
}
