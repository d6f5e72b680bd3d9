// Plyr: https://plyr.io
//
//   import Plyr from "plyr";
//   import { PlyrSync } from "@mediasync/client/plyr.js";
//   const mediasync = new PlyrSync(new Plyr("#film"), { sessionId: "film-night", username: "Ada" });
//
// Films are opened in the element that Plyr has: plyr.source would put another one in its place.

import { MediaSync } from "../mediasync.js";
import { connectControls } from "./controls.js";

export class PlyrSync extends MediaSync {
  #listeners = new AbortController();

  constructor(plyr, options) {
    super(plyr.media, options);
    const { elements } = plyr;
    const steer = (is) => {
      for (const part of [elements.inputs?.seek, elements.settings?.buttons?.speed]) if (part) part.disabled = !is;
    };
    connectControls(this, plyr.media, { root: elements.container, steer, signal: this.#listeners.signal });
  }

  close() {
    this.#listeners.abort();
    super.close();
  }
}
