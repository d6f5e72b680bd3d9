import { MediaSync, type MediaSyncOptions } from "../mediasync.js";

/** A MediaSync for the element of a Plyr. `close()` leaves the player as it is. */
export class PlyrSync extends MediaSync {
  constructor(plyr: { readonly elements: { readonly container: HTMLElement | null } }, options: MediaSyncOptions);
}
