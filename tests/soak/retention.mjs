// How much of a session's log its events take, and which of them it must still hold. See "The log of a session" in
// docs/architecture.md: events lie in chunks of up to a page, and the oldest chunk goes when a new one would exceed the
// limit.

const kPage = 4096;
const kChunk = kPage - 32; // bytes of a page for events
const kHeader = 8; // before each event
const kFixed = 80; // bytes of an event beside its URL and id, at most

const inLog = (bytes) => kHeader + Math.ceil(bytes / 8) * 8;

/** The most bytes that a playback_sync or media_loaded takes. */
export const commandBytes = (mediaUrl, mediaId) => inLog(kFixed + mediaUrl.length + mediaId.length);

/** The most bytes that somebody's coming, going or leading takes, with names as short as those of the soak. */
export const kOtherBytes = inLog(kFixed);

/** Into how many chunks events of these sizes go that begin with a new one. */
function chunksOf(sizes) {
  let count = 0;
  let room = 0;
  for (const size of sizes) {
    if (size > room) {
      count++;
      room = kChunk;
    }
    room -= size;
  }
  return count;
}

/**
 * Whether a log of `limit` bytes must hold the first of its newest events, which have these sizes. The first may have
 * begun anywhere in its chunk, which is one chunk more at most.
 */
export const mustHold = (limit, sizes) => chunksOf(sizes) + 1 <= Math.floor(limit / kPage);
