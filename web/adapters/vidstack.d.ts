import type { MediaSync, MediaSyncOptions } from "../mediasync.js";

/** Resolves when Vidstack has made its `<video>`. The page leaves the `src` of the player alone. */
export function openVidstack(player: HTMLElement & { src: unknown }, options: MediaSyncOptions): Promise<MediaSync>;
