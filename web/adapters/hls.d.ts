import type Hls from "hls.js";
import type { HlsConfig } from "hls.js";
import type { MediaSyncOptions } from "../mediasync.js";

/** Whether a film is in segments, by the end of its address. */
export function isPlaylist(url: string): boolean;

/**
 * The options `load` and `hls` of MediaSync for films in segments. Other films, and all films where the browser plays segments by
 * itself and knows the calendar, are opened in the element alone.
 *
 * @param library hls.js, or a function that resolves to it, called when the first playlist comes.
 * @param config of hls.js, for each player.
 */
export function hlsSource(
  library: typeof Hls | (() => Promise<typeof Hls>),
  config?: Partial<HlsConfig>,
): Required<Pick<MediaSyncOptions, "load">> & { hls: () => Hls | null };
