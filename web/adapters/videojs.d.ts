import { MediaSync, type MediaSyncOptions, type FilmState } from "../mediasync.js";

/** What is used of a player of video.js. */
export interface VideojsPlayer {
  el(): Element;
  src(source?: any): unknown;
  tech(safety?: any): unknown;
}

export interface VideojsOptions extends MediaSyncOptions {
  /** What `player.src()` is given for a film: by default its address. Needed where video.js cannot tell the type by that. */
  source?: (state: FilmState) => string | { src: string; type?: string };
}

/** A MediaSync for a player of video.js. `close()` leaves the player as it is, and `dispose()` of the player closes it. */
export class VideojsSync extends MediaSync {
  constructor(player: VideojsPlayer, options: VideojsOptions);
}
