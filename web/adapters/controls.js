// The common part of the adapters for players with controls of their own.

const kMostTuning = 0.1; // share of the speed that MediaSync takes or adds, to be in step

// root: the player's own element. steer(is): lets the viewer seek and choose the speed, or not. All of it until `signal` aborts.
export function connectControls(mediasync, media, { root, steer, signal }) {
  const showLead = () => {
    const { isLeader } = mediasync;
    root.dataset.mediasync = isLeader ? "leader" : "follower";
    steer(isLeader);
  };
  for (const type of ["session", "leader", "left"]) mediasync.addEventListener(type, showLead, { signal });
  media.addEventListener("loadedmetadata", showLead, { signal }); // players build controls late, and anew
  root.addEventListener("click", () => mediasync.trouble && mediasync.retry(), { signal });
  hideTuning(mediasync, media, signal);
  showLead();
}

// Players show the speed, and remember it: what MediaSync adds for a moment is none of their business.
function hideTuning(mediasync, media, signal) {
  let isHidden = false;
  const sessionRate = () => mediasync.session?.playbackState.playbackRate ?? 1;
  const isTuned = () => {
    const share = Math.abs(media.playbackRate / sessionRate() - 1);
    return share > 1e-5 && share <= kMostTuning + 1e-5;
  };
  const hide = (event) => {
    isHidden = isTuned();
    if (isHidden) event.stopImmediatePropagation();
  };
  // It was the leader's choice, after all.
  const show = () => {
    if (isHidden && !isTuned()) media.dispatchEvent(new Event("ratechange"));
  };
  media.addEventListener("ratechange", hide, { signal, capture: true });
  mediasync.addEventListener("playback", show, { signal });
}
