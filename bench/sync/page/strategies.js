// What others do, in few lines, for comparison. Both follow the same session.

const kLoad = 1; // metadata

class Strategy {
  constructor(video, socket, me) {
    this.video = video;
    this.socket = socket;
    socket.on('connect', () => socket.emit('join_session', me));
    socket.on('session_joined', ({ session }) => this.#take(session.playbackState));
    socket.on('playback_sync', (state) => this.#take(state));
    socket.on('media_loaded', (media) => this.#take({ ...media, position: 0, isPlaying: false, lastUpdateTime: media.timestamp }));
  }

  async #take(state) {
    if (!state.mediaUrl) return;
    const heardAt = performance.now();
    if (new URL(state.mediaUrl, location.href).href !== this.video.src) this.video.src = state.mediaUrl;
    while (this.video.readyState < kLoad) await new Promise((resolve) => { setTimeout(resolve, 20); });
    this.follow(state, heardAt);
  }
}

/** Applies what it hears as it hears it, and seeks when it is found to be a second off. */
export class SeekWhenOff extends Strategy {
  #state = null;
  #heardAt = 0;

  constructor(...rest) {
    super(...rest);
    setInterval(() => this.#check(), 1000);
  }

  follow(state, heardAt) {
    this.#state = state;
    this.#heardAt = heardAt;
    if (Math.abs(this.video.currentTime - this.#target) > 0.05) this.video.currentTime = this.#target;
    if (state.isPlaying) this.video.play().catch(() => {});
    else this.video.pause();
  }

  get #target() {
    const { position, isPlaying } = this.#state;
    return position + (isPlaying ? (performance.now() - this.#heardAt) / 1000 : 0);
  }

  #check() {
    if (!this.#state?.isPlaying || this.video.seeking) return;
    if (Math.abs(this.video.currentTime - this.#target) > 1) this.video.currentTime = this.#target;
  }
}

/** The constants that Jellyfin's SyncPlay publishes, with its correction switched on. */
export class Jellyfin extends Strategy {
  #pings = [];
  #pinged = 0;
  #state = null;
  #enabled = false;
  #timer = null;
  #checkedAt = 0;

  static kMinSpeedDelay = 60; // ms
  static kMaxSpeedDelay = 3000;
  static kSpeedDuration = 1000;
  static kMinSkipDelay = 400;
  static kMinSpeed = 0.2;
  static kTracked = 8; // round trips, of which the quickest counts
  static kGreedy = 3; // of them a second apart, then one a minute

  constructor(...rest) {
    super(...rest);
    this.socket.on('connect', () => this.#ping());
    this.socket.on('heartbeat_ack', ({ probe, receivedAt, sentAt }) => this.#pong(probe, receivedAt * 1000, sentAt * 1000));
    this.video.addEventListener('timeupdate', () => this.#check());
  }

  #ping() {
    this.socket.emit('heartbeat', { probe: Date.now() });
    setTimeout(() => this.#ping(), ++this.#pinged < Jellyfin.kGreedy ? 1000 : 60000);
  }

  #pong(sent, received, answered) {
    const now = Date.now();
    this.#pings.push({ offset: (received - sent + (answered - now)) / 2, delay: now - sent - (answered - received) });
    if (this.#pings.length > Jellyfin.kTracked) this.#pings.shift();
  }

  get #serverNow() {
    return Date.now() + (this.#pings.reduce((a, b) => (a && a.delay <= b.delay ? a : b), null)?.offset ?? 0);
  }

  get #target() {
    return this.#state.position + (this.#serverNow - this.#state.lastUpdateTime * 1000) / 1000;
  }

  follow(state) {
    this.#state = state;
    clearTimeout(this.#timer);
    this.#enabled = false;
    this.video.playbackRate = 1;
    if (!state.isPlaying) {
      this.video.pause();
      this.video.currentTime = state.position;
      return;
    }
    const wait = state.lastUpdateTime * 1000 - this.#serverNow;
    this.video.currentTime = wait > 0 ? state.position : this.#target;
    if (wait > 0) this.video.pause();
    this.#timer = setTimeout(() => {
      this.video.play().catch(() => {});
      this.#enableIn(Jellyfin.kMaxSpeedDelay / 2);
    }, Math.max(0, wait));
  }

  #enableIn(ms) {
    this.#timer = setTimeout(() => {
      this.video.playbackRate = 1;
      this.#enabled = true;
    }, ms);
  }

  #check() {
    const now = Date.now();
    if (!this.#state?.isPlaying || this.video.readyState < 3 || now - this.#checkedAt < Jellyfin.kMaxSpeedDelay / 2) return;
    this.#checkedAt = now;
    if (!this.#enabled) return;
    const off = (this.#target - this.video.currentTime) * 1000;
    if (Math.abs(off) >= Jellyfin.kMinSpeedDelay && Math.abs(off) < Jellyfin.kMaxSpeedDelay) {
      let duration = Jellyfin.kSpeedDuration;
      if (off <= -duration * Jellyfin.kMinSpeed) duration = Math.abs(off) / (1 - Jellyfin.kMinSpeed);
      this.video.playbackRate = 1 + off / duration;
      this.#enabled = false;
      this.#enableIn(duration);
    } else if (Math.abs(off) >= Jellyfin.kMinSkipDelay) {
      this.video.currentTime = this.#target;
      this.#enabled = false;
      this.#enableIn(Jellyfin.kMaxSpeedDelay / 2);
    }
  }
}
