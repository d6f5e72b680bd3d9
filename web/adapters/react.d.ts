import type { MediaSync, MediaSyncOptions, Session, State } from "../mediasync.js";

export interface Watching {
  /** For the `ref` of the `<video>` or `<audio>`. */
  ref: (media: HTMLMediaElement | null) => void;
  /** Null before the element is there, and without a `sessionId`. */
  mediasync: MediaSync | null;
  /** As it was told last; null before the first join. */
  session: Session | null;
  isJoined: boolean;
  isLeader: boolean;
  /** `stats().state` */
  state: State;
  /** Why the film cannot be fetched or played here, or null. */
  trouble: MediaSync["trouble"];
}

/**
 * Keeps an element in step for as long as the component is there. Another session, user, or connection is another MediaSync;
 * `audioOffset` is taken at any time; `load`, `hls` and `socketOptions` are those of the render in which it is made.
 */
export function useMediaSync(options: Omit<MediaSyncOptions, "sessionId"> & { sessionId: string | null | undefined }): Watching;
