// React 18 and later.
//
//   import { useMediaSync } from "@mediasync/client/react.js";
//   function Film() {
//     const { ref, isLeader, state } = useMediaSync({ io, sessionId: "film-night", username: "Ada" });
//     return <video ref={ref} controls playsInline />;
//   }

import { useEffect, useState, useSyncExternalStore } from "react";
import { MediaSync } from "../mediasync.js";

const kTold = ["connection", "joined", "left", "session", "playback", "leader", "buffering", "blocked", "unblocked", "mediaerror",
  "mediarecovered", "sync"];
// Another one of these is another MediaSync.
const kLasting = ["socket", "io", "url", "sessionId", "userId", "username", "avatar", "userSecret", "buffering", "bufferingLimit",
  "autoLoad", "mediaKeys"];
const kNothing = { mediasync: null, session: null, isJoined: false, isLeader: false, state: "empty", trouble: null };

// options: those of MediaSync; without a sessionId there is none. Returns {ref, mediasync, session, isJoined, isLeader, state, trouble}.
export function useMediaSync(options) {
  const [media, ref] = useState(null);
  const [store, setStore] = useState(null);
  const { sessionId, audioOffset } = options;
  useEffect(() => {
    if (!media || !sessionId) return undefined;
    const mediasync = new MediaSync(media, options);
    setStore(new Store(mediasync));
    return () => {
      mediasync.close();
      setStore(null);
    };
  }, [media, ...kLasting.map((name) => options[name])]);
  useEffect(() => {
    if (store && audioOffset !== undefined) store.mediasync.audioOffset = audioOffset;
  }, [store, audioOffset]);
  const shown = useSyncExternalStore(store?.subscribe ?? subscribeToNothing, store?.read ?? readNothing, readNothing);
  return { ref, ...shown };
}

const subscribeToNothing = () => () => {};
const readNothing = () => kNothing;

// The state of a MediaSync for a component: a new object if anything in it has changed, the same one otherwise.
class Store {
  #shown;

  constructor(mediasync) {
    this.mediasync = mediasync;
    this.#shown = this.#look(null);
  }

  subscribe = (changed) => {
    const listeners = new AbortController();
    const onTold = ({ type }) => this.#update(type) && changed();
    for (const type of kTold) this.mediasync.addEventListener(type, onTold, { signal: listeners.signal });
    return () => listeners.abort();
  };

  read = () => this.#shown;

  #update(type) {
    const seen = this.#look(type);
    if (Object.keys(seen).every((name) => Object.is(seen[name], this.#shown[name]))) return false;
    this.#shown = seen;
    return true;
  }

  // Sessions are changed where they are, and each time "session", "leader" or "playback" is told.
  #look(type) {
    const { mediasync } = this;
    const { session, isJoined, isLeader, trouble } = mediasync;
    const isSame = type === "sync" && this.#shown.session !== null;
    return { mediasync, session: isSame ? this.#shown.session : session && { ...session }, isJoined, isLeader,
      state: mediasync.stats().state, trouble };
  }
}
